using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>Models that can't be flushed without losing something are refused, with the way out. No database is asked.</summary>
public sealed class ModelTests
{
    [Fact]
    public void A_mapped_type_without_a_version_is_refused()
        => AssertRefused<Plain>(
            model => model.Entity<Plain>(), "HasWriteBehindVersion", "modelBuilder.Entity<Plain>().HasWriteBehindVersion()");

    [Fact]
    public void A_property_called_Version_is_not_taken_unasked()
    {
        AssertRefused<Versioned>(model => model.Entity<Versioned>(), "HasWriteBehindVersion", "HasWriteBehindVersion(x => x.Version)");
        AssertRefused<Versioned>(
            model => model.Entity<Versioned>().HasWriteBehindVersion(), "HasWriteBehindVersion", "HasWriteBehindVersion(x => x.Version)");
    }

    [Fact]
    public void A_property_called_Version_can_be_taken_or_left_aside()
    {
        AssertTaken<Versioned>(
            model => model.Entity<Versioned>().HasWriteBehindVersion(x => x.Version, "row_version"), "version row_version");
        AssertTaken<Versioned>(model => model.Entity<Versioned>().HasWriteBehindVersion("Revision"), "version Revision");
        AssertTaken<Plain>(model => model.Entity<Plain>().HasWriteBehindVersion(columnName: "v"), "version v");
    }

    [Fact]
    public void A_type_that_is_not_mapped_is_refused_with_both_ways_out()
        => AssertRefused<Plain>(
            model => model.Entity<Versioned>(), "UseEntityFramework", "HasWriteBehindVersion()", "AddWriteBehindDocuments()");

    [Fact]
    public void A_type_that_is_mapped_to_a_view_is_refused()
        => AssertRefused<Plain>(model => model.Entity<Plain>().ToView("plain").HasWriteBehindVersion(), "ToTable", "not mapped to a table");

    [Fact]
    public void A_type_without_a_key_is_refused()
        => AssertRefused<Plain>(model => model.Entity<Plain>().HasNoKey().HasWriteBehindVersion(), "HasKey", "has no key");

    [Theory]
    [InlineData("citext")]
    [InlineData("char(5)")]
    public void A_key_whose_equality_is_not_that_of_its_text_is_refused(string type)
        => AssertRefused<TextKeyed>(
            model => model.Entity<TextKeyed>(e => e.HasWriteBehindVersion().Property(x => x.Id).HasColumnType(type)), "Id", "Keys may be");

    [Fact]
    public void A_key_of_a_type_with_no_canonical_text_is_refused()
        => AssertRefused<Plain>(model => model.Entity<Plain>(e => e.HasWriteBehindVersion().HasKey(x => x.Length)),
            "Length", "Keys may be");

    [Fact]
    public void Rows_of_others_in_the_state_are_refused_unless_they_are_kept_out_of_it()
    {
        AssertRefused<Parent>(model => model.Entity<Parent>().HasWriteBehindVersion(), "Children", "OwnsMany", "[JsonIgnore]");

        // Out of the model alone is not out of the state: it would be gone after a flush.
        AssertRefused<Parent>(
            model =>
            {
                model.Entity<Parent>().HasWriteBehindVersion();
                model.Entity<Parent>().Ignore(parent => parent.Children);
            },
            "Children",
            "[JsonIgnore]");
        AssertTaken<SilentParent>(model => model.Entity<SilentParent>().HasWriteBehindVersion(), "by bulk upsert");
    }

    [Fact]
    public void A_reference_is_taken_where_the_state_has_its_key_and_refused_where_only_the_table_has()
    {
        AssertTaken<ChildWithKey>(model => model.Entity<ChildWithKey>().HasWriteBehindVersion(), "by bulk upsert");
        AssertRefused<ChildWithoutKey>(
            model => model.Entity<ChildWithoutKey>().HasWriteBehindVersion(), "Parent", "property for its foreign key");
    }

    [Fact]
    public void Many_to_many_is_refused()
        => AssertRefused<Author>(model => model.Entity<Author>().HasWriteBehindVersion(), "Books", "join table");

    [Theory]
    [InlineData("inet", "Address (inet) does not fit into an array")]
    [InlineData("money", "Address (money) does not fit into an array")]
    public void An_unusual_column_type_takes_the_tracked_path(string type, string reason)
        => AssertTaken<Unusual>(
            model => model.Entity<Unusual>(e =>
            {
                e.HasWriteBehindVersion();
                if (type == "inet")
                {
                    e.Property(x => x.Address);
                    e.Ignore(x => x.Price);
                }
                else
                {
                    e.Ignore(x => x.Address);
                    e.Property(x => x.Price).HasColumnName("Address").HasColumnType(type);
                }
            }),
            reason.Replace("Address", type == "inet" ? "Address" : "Price", StringComparison.Ordinal));

    [Fact]
    public void A_hierarchy_over_several_tables_and_a_split_entity_take_the_tracked_path()
    {
        AssertTaken<Root>(
            model =>
            {
                model.Entity<Root>().UseTptMappingStrategy().HasWriteBehindVersion();
                model.Entity<Leaf>();
            },
            "inheritance hierarchy");
        AssertTaken<Plain>(
            model => model.Entity<Plain>(e => e.SplitToTable("details", t => t.Property(x => x.Name)).HasWriteBehindVersion()),
            "split over several tables");
    }

    [Fact]
    public void A_composite_key_over_several_tables_is_refused()
        => AssertRefused<Root>(
            model =>
            {
                model.Entity<Root>(e => e.UseTptMappingStrategy().HasWriteBehindVersion().HasKey(x => new { x.Id, x.Number }));
                model.Entity<Leaf>();
            },
            "HasKey",
            "key of one column");

    private static void AssertRefused<TState>(Action<ModelBuilder> build, string setting, params string[] remedies)
        where TState : class
    {
        var error = Assert.Throws<ConfigurationException>(() => Describe<TState>(build));
        Assert.Equal(setting, error.Setting);
        Assert.All(remedies, remedy => Assert.Contains(remedy, error.Message, StringComparison.Ordinal));
    }

    private static void AssertTaken<TState>(Action<ModelBuilder> build, string description)
        where TState : class
        => Assert.Contains(description, Describe<TState>(build), StringComparison.Ordinal);

    private static string Describe<TState>(Action<ModelBuilder> build)
        where TState : class
    {
        using var services = new ServiceCollection()
            .AddDbContext<AdHocContext>(options => options.UseNpgsql("Host=nowhere.invalid"))
            .AddSingleton(new AdHocModel(build))
            .AddWriteBehind().UseEntityFramework<AdHocContext>().Services.BuildServiceProvider();
        return services.GetRequiredService<IEntitySinkFactory>().Create(new EntityTypeOptions<TState>("test")).Description;
    }

    private sealed class Plain
    {
        public int Id { get; set; }

        public string Name { get; set; } = "";

        public TimeSpan Length { get; set; }
    }

    private sealed class Versioned
    {
        public int Id { get; set; }

        public long Version { get; set; }
    }

    private sealed class TextKeyed
    {
        public string Id { get; set; } = "";
    }

    private sealed class Parent
    {
        public int Id { get; set; }

        public List<Plain> Children { get; set; } = [];
    }

    private sealed class SilentParent
    {
        public int Id { get; set; }

        [JsonIgnore]
        public List<Plain> Children { get; set; } = [];
    }

    private sealed class ChildWithKey
    {
        public int Id { get; set; }

        public int ParentId { get; set; }

        public Versioned? Parent { get; set; }
    }

    private sealed class ChildWithoutKey
    {
        public int Id { get; set; }

        public Versioned? Parent { get; set; }
    }

    private sealed class Author
    {
        public int Id { get; set; }

        public List<Book> Books { get; set; } = [];
    }

    private sealed class Book
    {
        public int Id { get; set; }

        public List<Author> Authors { get; set; } = [];
    }

    private sealed class Unusual
    {
        public int Id { get; set; }

        public System.Net.IPAddress? Address { get; set; }

        public decimal Price { get; set; }
    }

    private class Root
    {
        public int Id { get; set; }

        public int Number { get; set; }
    }

    private sealed class Leaf : Root
    {
        public string Text { get; set; } = "";
    }
}
