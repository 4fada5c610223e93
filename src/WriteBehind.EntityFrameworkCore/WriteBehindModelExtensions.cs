using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using WriteBehind;
using WriteBehind.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace Microsoft.EntityFrameworkCore;

/// <summary>Gives mapped entities the version that every flush is guarded by.</summary>
public static class WriteBehindEntityTypeBuilderExtensions
{
    /// <summary>
    /// Adds a shadow property for the version: a <c>bigint not null default 0</c>. Rows that other code inserts, and rows that were
    /// there before, start at 0. The property is a concurrency token, so that <c>SaveChanges</c> elsewhere notices flushes in between.
    /// </summary>
    /// <param name="builder">The entity.</param>
    /// <param name="propertyName">The name of the property; default <c>Version</c>. It must not be a member of the class.</param>
    /// <param name="columnName">The column; default: what the model's conventions make of the property's name.</param>
    /// <exception cref="ConfigurationException">The class has a member of that name: pass the member itself to the other
    /// overload.</exception>
    public static EntityTypeBuilder<TEntity> HasWriteBehindVersion<TEntity>(
        this EntityTypeBuilder<TEntity> builder, string propertyName = "Version", string? columnName = null)
        where TEntity : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var clash = typeof(TEntity).GetMember(propertyName, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        if (clash.Length > 0)
        {
            throw new ConfigurationException(
                nameof(HasWriteBehindVersion),
                $"{typeof(TEntity).Name} has a member '{propertyName}' already, and it is not taken for the write-behind version " +
                $"unasked. Say HasWriteBehindVersion(x => x.{propertyName}) if it is meant to be (it must be a long that nothing else " +
                "writes), or give the shadow property another name: HasWriteBehindVersion(\"RowVersion\").");
        }

        Mark(builder.Property<long>(propertyName), columnName);
        return builder;
    }

    /// <summary>
    /// Takes an existing property for the version. Flushes set its column and loads fill it; the value in the state does not matter.
    /// Nothing else may write the column.
    /// </summary>
    /// <param name="builder">The entity.</param>
    /// <param name="property">The property.</param>
    /// <param name="columnName">The column; default: what the model says already.</param>
    public static EntityTypeBuilder<TEntity> HasWriteBehindVersion<TEntity>(
        this EntityTypeBuilder<TEntity> builder, Expression<Func<TEntity, long>> property, string? columnName = null)
        where TEntity : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        Mark(builder.Property(property), columnName);
        return builder;
    }

    // The default is the column's alone: EF Core must send the version even where it is 0, hence ValueGeneratedNever.
    private static void Mark(PropertyBuilder<long> property, string? columnName)
    {
        property
            .IsRequired()
            .IsConcurrencyToken()
            .HasDefaultValue(0L)
            .ValueGeneratedNever()
            .HasAnnotation(WriteBehindAnnotations.Version, true);
        if (columnName is not null)
        {
            property.HasColumnName(columnName);
        }
    }
}

/// <summary>Creates the generic table where neither migrations nor <c>EnsureCreated</c> do.</summary>
public static class WriteBehindDocumentsExtensions
{
    /// <summary>The idempotent SQL that creates the table which <c>AddWriteBehindDocuments</c> maps with the same arguments.</summary>
    public static string CreateTableSql(string tableName = "write_behind_documents", string? schema = null)
    {
        var table = SqlName.Table(schema, tableName);
        return $"""
            CREATE TABLE IF NOT EXISTS {table} (
                type text NOT NULL,
                id text NOT NULL,
                version bigint NOT NULL,
                state jsonb NOT NULL,
                updated_at timestamp with time zone NOT NULL DEFAULT now(),
                CONSTRAINT {SqlName.Quote($"PK_{tableName}")} PRIMARY KEY (type, id)
            );
            """;
    }

    /// <summary>
    /// Creates the generic table of the context's model if it is missing, with its schema. Several processes may call it at once.
    /// </summary>
    /// <exception cref="ConfigurationException">The model has no such table: call <c>AddWriteBehindDocuments</c> in
    /// OnModelCreating.</exception>
    public static async Task EnsureWriteBehindDocumentsAsync(this DatabaseFacade database, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        var mapped = database.GetService<IModel>().FindEntityType(typeof(WriteBehindDocument)) ?? throw new ConfigurationException(
            "AddWriteBehindDocuments",
            "The model does not map the generic table. Call modelBuilder.AddWriteBehindDocuments() in OnModelCreating.");
        var table = mapped.GetTableName()!;
        var schema = mapped.GetSchema();

        // One statement text is one transaction: the lock keeps two processes from creating the table at once, which would fail for one.
        var sql = $"""
            SELECT pg_advisory_xact_lock(hashtext({SqlName.Literal($"writebehind:{schema}.{table}")}));
            {(schema is null ? "" : $"CREATE SCHEMA IF NOT EXISTS {SqlName.Quote(schema)};")}
            {CreateTableSql(table, schema)}
            """;
        await database.ExecuteSqlRawAsync(SqlName.AsFormat(sql), cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>Maps the generic table for states that have no table of their own.</summary>
public static class WriteBehindModelBuilderExtensions
{
    /// <summary>
    /// Maps <see cref="WriteBehindDocument"/>: one table that takes the states of every entity type that is not mapped itself, as
    /// <c>jsonb</c>. Migrations and <c>EnsureCreated</c> then create it; so does
    /// <see cref="WriteBehindDocumentsExtensions.EnsureWriteBehindDocumentsAsync"/>.
    /// </summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="tableName">The table.</param>
    /// <param name="schema">Its schema; default: the model's.</param>
    public static ModelBuilder AddWriteBehindDocuments(
        this ModelBuilder modelBuilder, string tableName = "write_behind_documents", string? schema = null)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        return modelBuilder.Entity<WriteBehindDocument>(document =>
        {
            document.ToTable(tableName, schema ?? modelBuilder.Model.GetDefaultSchema());
            document.HasKey(d => new { d.Type, d.Id });
            document.Property(d => d.Type).HasColumnName("type").HasColumnType("text");
            document.Property(d => d.Id).HasColumnName("id").HasColumnType("text");
            document.Property(d => d.Version).HasColumnName("version").HasColumnType("bigint");
            document.Property(d => d.State).HasColumnName("state").HasColumnType("jsonb").IsRequired();
            document.Property(d => d.UpdatedAt).HasColumnName("updated_at").HasColumnType("timestamp with time zone")
                .HasDefaultValueSql("now()");
        });
    }
}
