using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>Mappings that are seen less often: each is inserted, updated, loaded and deleted.</summary>
public sealed class UnusualMappingTests
{
    [Fact]
    public Task A_hierarchy_over_several_tables() => AssertWorksAsync<Animal>(
        model =>
        {
            model.Entity<Animal>().UseTptMappingStrategy().HasWriteBehindVersion();
            model.Entity<Dog>();
        },
        "7",
        new Dog { Name = "a", Tricks = 1 },
        new Dog { Name = "b", Tricks = 2 },
        state => $"{state.Name} {((Dog)state).Tricks}");

    [Fact]
    public Task An_entity_split_over_two_tables() => AssertWorksAsync<Animal>(
        model => model.Entity<Animal>(e => e.SplitToTable("names", t => t.Property(x => x.Name)).HasWriteBehindVersion()),
        "7",
        new Animal { Name = "a" },
        new Animal { Name = "b" },
        state => state.Name);

    [Fact]
    public Task A_composite_key_with_an_array_column() => AssertWorksAsync<Seat>(
        model => model.Entity<Seat>(e => e.HasWriteBehindVersion().HasKey(x => new { x.Hall, x.Number })),
        "main|12",
        new Seat { Tags = ["a"] },
        new Seat { Tags = ["b", "c"] },
        state => string.Join(",", state.Tags));

    [Fact]
    public Task A_complex_type_in_JSON() => AssertWorksAsync<Profile>(
        model => model.Entity<Profile>(e => e.HasWriteBehindVersion().ComplexProperty(x => x.Settings, settings => settings.ToJson())),
        "p",
        new Profile { Settings = new Settings { Theme = "light" } },
        new Profile { Settings = new Settings { Theme = "dark" } },
        state => state.Settings.Theme);

    [Fact]
    public Task Owned_types_inside_owned_types_with_generated_keys_behind_a_read_only_list() => AssertWorksAsync<Cart>(
        model => model.Entity<Cart>(e =>
        {
            e.HasWriteBehindVersion();
            e.OwnsMany(x => x.Items, item => item.OwnsMany(x => x.Options));
        }),
        "c",
        new Cart([new CartItem { Name = "x", Options = [new CartOption { Id = 5, Text = "1" }] }]),
        new Cart([
            new CartItem { Name = "y", Options = [new CartOption { Id = 5, Text = "2" }, new CartOption { Text = "3" }] },
            new CartItem { Name = "z" }
        ]),
        state => string.Join(
            ";", state.Items.OrderBy(i => i.Name).Select(i => i.Name + string.Join(",", i.Options.Select(o => o.Text).Order()))));

    [Fact]
    public Task A_record_with_a_constructor_and_a_column_called_like_the_aliases_of_the_statement() => AssertWorksAsync<Score>(
        model => model.Entity<Score>(e =>
        {
            e.ToTable("t").HasWriteBehindVersion(columnName: "v");
            e.Property(x => x.Id).HasColumnName("k0");
            e.Property(x => x.Points).HasColumnName("i");
            e.Property(x => x.Name).HasColumnName("select \"n\"");
        }),
        "id",
        new Score("id", 1, "a"),
        new Score("id", 2, null),
        state => $"{state.Points} {state.Name}",
        bulk: true);

    [Fact]
    public Task A_row_with_nothing_but_its_key() => AssertWorksAsync<Bare>(
        model => model.Entity<Bare>().HasWriteBehindVersion(), "3", new Bare(), new Bare(), state => $"{state.Id}", bulk: true);

    private static async Task AssertWorksAsync<TState>(
        Action<ModelBuilder> build, string id, TState first, TState second, Func<TState, string> text, bool bulk = false)
        where TState : class
    {
        await using var host = new SinkHost<AdHocContext>(
            await SharedServers.CreateDatabaseAsync(),
            (services, source)
                => services.AddSingleton(new AdHocModel(build)).AddDbContext<AdHocContext>(options => options.UseNpgsql(source)));
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        var sink = host.Sink<TState>();
        await sink.VerifyAsync(CancellationToken.None);
        Assert.Equal(bulk, sink.Description.Contains("by bulk upsert", StringComparison.Ordinal));

        foreach (var (version, state) in new[] { (1, first), (2, second), (3, first) })
        {
            Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(id, version, state)).Outcome);
            var row = Assert.NotNull(await sink.FindAsync(id));
            Assert.Equal((id, version), (row.Id, row.Version));
            Assert.Equal(typeof(TState) == typeof(Bare) ? id : text(state), text(row.State));
        }

        Assert.Equal(SaveOutcome.Fenced, (await sink.PutAsync(id, 2, second)).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync(id, 4)).Outcome);
        Assert.Null(await sink.FindAsync(id));
    }

    [JsonDerivedType(typeof(Animal), "animal")]
    [JsonDerivedType(typeof(Dog), "dog")]
    private class Animal
    {
        public int Id { get; set; }

        public string Name { get; set; } = "";
    }

    private sealed class Dog : Animal
    {
        public int Tricks { get; set; }
    }

    private sealed class Seat
    {
        public string Hall { get; set; } = "";

        public int Number { get; set; }

        public string[] Tags { get; set; } = [];
    }

    private sealed class Profile
    {
        public string Id { get; set; } = "";

        public Settings Settings { get; set; } = new();
    }

    private sealed class Settings
    {
        public string Theme { get; set; } = "";
    }

    private sealed class Cart
    {
        private readonly List<CartItem> _items = [];

        public Cart()
        {
        }

        [JsonConstructor]
        public Cart(IReadOnlyList<CartItem> items) => _items.AddRange(items);

        public string Id { get; set; } = "";

        public IReadOnlyList<CartItem> Items => _items;
    }

    private sealed class CartItem
    {
        public string Name { get; set; } = "";

        public List<CartOption> Options { get; set; } = [];
    }

    private sealed class CartOption
    {
        public int Id { get; set; }

        public string Text { get; set; } = "";
    }

    private sealed record Score(string Id, int Points, string? Name);

    private sealed class Bare
    {
        public int Id { get; set; }
    }
}
