using Microsoft.EntityFrameworkCore;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class TestContext(DbContextOptions<TestContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddWriteBehindDocuments();
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("Products \"quoted\"", "stock", table => table.HasCheckConstraint("stock_not_negative", "\"Stock\" >= 0"));
            product.HasWriteBehindVersion();
            product.Property(p => p.Name).HasMaxLength(20);
            product.HasIndex(p => p.Sku).IsUnique();
        });
        modelBuilder.Entity<Sample>(sample =>
        {
            sample.ToTable("samples").HasWriteBehindVersion(columnName: "row_version");
            sample.Property(s => s.Amount).HasColumnType("numeric(12,3)");
            sample.Property(s => s.Local).HasColumnType("timestamp without time zone");
            sample.Property(s => s.DayText).HasConversion<string>();
            sample.Property(s => s.Json).HasColumnType("jsonb");
        });
        modelBuilder.Entity<Invoice>(invoice =>
        {
            invoice.ToTable("invoices").HasWriteBehindVersion(i => i.Revision);
            invoice.HasKey(i => i.Number);
            invoice.HasAlternateKey(i => i.Code);
            invoice.Property(i => i.Number).HasConversion(number => number.Value, value => new InvoiceNumber(value));
            invoice.Property(i => i.Priority).HasDefaultValue(5);
            invoice.Property(i => i.CreatedAt).HasDefaultValueSql("now()");
            invoice.Property(i => i.Shouted).HasComputedColumnSql("upper(\"Title\")", stored: true);
            invoice.Property(i => i.Origin).Metadata.SetAfterSaveBehavior(
                Microsoft.EntityFrameworkCore.Metadata.PropertySaveBehavior.Ignore);
            invoice.Property(i => i.Token).IsRowVersion();
            invoice.Property<string>("AddedBy").HasDefaultValue("database");
        });
        modelBuilder.Entity<Membership>(membership =>
        {
            membership.ToTable("memberships").HasWriteBehindVersion();
            membership.HasKey(m => new { m.Tenant, m.Room, m.Member });
        });
        modelBuilder.Entity<Ticket>(ticket =>
        {
            ticket.ToTable("tickets").HasWriteBehindVersion();
            ticket.Property(t => t.Id).UseIdentityAlwaysColumn();
        });
        modelBuilder.Entity<Counter>(counter =>
        {
            counter.ToTable("counters").HasWriteBehindVersion();
            counter.HasKey(c => c.Name);
            counter.Property(c => c.Name).HasMaxLength(20);
            counter.HasQueryFilter(c => !c.Hidden);
        });
        modelBuilder.Entity<Article>(article =>
        {
            article.ToTable("articles").HasWriteBehindVersion();
            article.Property(a => a.Priority).HasDefaultValue(5);
            article.Property(a => a.CreatedAt).HasDefaultValueSql("now()");
        });
        modelBuilder.Entity<Order>(order =>
        {
            order.ToTable("orders").HasWriteBehindVersion();
            order.OwnsOne(o => o.Address);
            order.OwnsMany(o => o.Lines, line => line.ToTable("order_lines").HasKey("OrderId", nameof(OrderLine.Line)));
            order.OwnsOne(o => o.Notes, notes => notes.ToJson());
        });
        modelBuilder.Entity<Shape>(shape =>
        {
            shape.ToTable("shapes").HasWriteBehindVersion();
            shape.ComplexProperty(s => s.Box);
        });
        modelBuilder.Entity<Circle>();
    }
}
