using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Caching;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.States;

/// <summary>A state that would not come back equal is never acknowledged.</summary>
public sealed class StateShapeTests
{
    [Theory]
    [InlineData(typeof(WithTuple), "WithTuple.Name", "IncludeFields")]
    [InlineData(typeof(WithBigNumber), "WithBigNumber.Amount", "converter")]
    [InlineData(typeof(WithBits), "WithBits.Bits", "List")]
    [InlineData(typeof(WithInterface), "WithInterface.Any", "[JsonDerivedType]")]
    [InlineData(typeof(WithObject), "WithObject.Values[]", "JsonElement")]
    [InlineData(typeof(WithAbstract), "WithAbstract.Beast", "[JsonDerivedType]")]
    [InlineData(typeof(WithPrivateSetter), "WithPrivateSetter.Count", "[JsonInclude]")]
    [InlineData(typeof(WithField), "WithField.Count", "IncludeFields")]
    [InlineData(typeof(WithPile), "WithPile.Numbers", "upside down")]
    [InlineData(typeof(WithoutConstructor), "WithoutConstructor", "constructor")]
    public async Task A_type_whose_states_cannot_come_back_is_refused_at_start(Type type, string member, string wayOut)
    {
        var start = typeof(StateShapeTests)
            .GetMethod(nameof(StartWith), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
            .MakeGenericMethod(type).CreateDelegate<Func<Task>>();

        var error = await Assert.ThrowsAsync<ConfigurationException>(start);

        Assert.Equal(("Serializer", "shape"), (error.Setting, error.EntityType));
        Assert.Contains(member, error.Message, StringComparison.Ordinal);
        Assert.Contains(wayOut, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_derived_object_where_the_contract_says_the_base_is_refused_at_the_write()
    {
        var codec = CodecOf<Basket>();
        codec.Encode("a", new Basket { Lines = [new Line { Amount = 1 }] });

        var error = Refused(codec, new Basket { Lines = [new Line { Amount = 1 }, new GiftLine { Amount = 2, Wrapping = "red" }] });

        Assert.Contains("GiftLine", error.Message, StringComparison.Ordinal);
        Assert.Contains("$.Lines", error.Message, StringComparison.Ordinal);
        Assert.Contains("JsonDerivedType", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_named_derived_object_comes_back()
    {
        var codec = CodecOf<Fleet>();

        var fleet = codec.Decode(
            "a", codec.Encode("a", new Fleet { Vehicles = [new Truck { Id = "t", Load = 1.5 }, new Car { Id = "c", Seats = 4 }] }));

        Assert.Equal(1.5, Assert.IsType<Truck>(fleet.Vehicles[0]).Load);
        Assert.Equal(4, Assert.IsType<Car>(fleet.Vehicles[1]).Seats);
    }

    [Fact]
    public void What_only_a_method_or_a_read_only_view_shows_is_refused_once_it_holds_something()
    {
        var (notes, tallies) = (CodecOf<Notebook>(), CodecOf<Tally>());
        for (var i = 0; i < 20; i++)
        {
            notes.Encode("a", new Notebook());
            tallies.Encode("a", new Tally { Name = "x" });
        }

        var (notebook, tally) = (new Notebook(), new Tally { Name = "x" });
        notebook.Add("buy milk");
        tally.Hit();

        Assert.Contains("Notebook.Notes", Refused(notes, notebook).Message, StringComparison.Ordinal);
        Assert.Contains("_hits", Refused(tallies, tally).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_converter_that_drops_something_is_found_out_by_the_first_state_that_has_it()
    {
        var codec = CodecOf<Rounded>();
        for (var i = 0; i < 20; i++)
        {
            codec.Encode("a", new Rounded { At = new DateTime(2026, 1, 1 + i, 0, 0, 0, DateTimeKind.Unspecified) });
        }

        Assert.Contains(
            "Rounded.At", Refused(codec, new Rounded { At = new DateTime(2026, 1, 1, 8, 30, 0) }).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_default_that_is_not_written_and_not_the_constructors_is_refused()
    {
        var codec = CodecOf<WithDefault>();
        for (var i = 1; i < 20; i++)
        {
            codec.Encode("a", new WithDefault { Priority = i });
        }

        Assert.Contains("WithDefault.Priority", Refused(codec, new WithDefault { Priority = 0 }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_contract_that_proved_wrong_once_is_not_trusted_again()
    {
        var codec = CodecOf<Rounding>();
        for (var i = 0; i < 20; i++)
        {
            Assert.Contains("Rounding.Amount", Refused(codec, new Rounding(1) { Amount = 1.234m }).Message, StringComparison.Ordinal);
        }

        Assert.Equal(1.23m, codec.Decode("a", codec.Encode("a", new Rounding(1.234m))).Amount);
    }

    [Fact]
    public void A_comparer_that_would_be_lost_is_refused_however_many_states_came_before()
    {
        var codec = CodecOf<Plain>();
        for (var i = 0; i < 20; i++)
        {
            codec.Encode("a", Plain("a"));
        }

        var odd = Plain("a") with { Counts = new(StringComparer.OrdinalIgnoreCase) { ["k"] = 1 } };

        Assert.Contains("Plain.Counts comes back comparing by default", Refused(codec, odd).Message, StringComparison.Ordinal);
        var kept = CodecOf<AnyCase>();
        Assert.Equal(1, kept.Decode("a", kept.Encode("a", new AnyCase { Counts = { ["K"] = 1 } })).Counts["k"]);
    }

    [Fact]
    public void A_member_that_hides_one_of_the_base_class_is_refused_once_that_holds_something()
    {
        var codec = CodecOf<Above>();
        for (var i = 0; i < 20; i++)
        {
            codec.Encode("a", new Above { Name = "a" });
        }

        var both = new Above { Name = "a" };
        ((Below)both).Name = "b";

        Assert.Contains("Above", Refused(codec, both).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_character_is_refused_however_many_states_came_before()
    {
        var codec = CodecOf<Plain>();
        for (var i = 0; i < 20; i++)
        {
            codec.Encode("a", Plain($"name {i} \uFFFD"));
        }

        Assert.Contains("Plain.Name", Refused(codec, Plain("half \uD83D")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plain_state_comes_back_and_only_the_first_few_are_read_back()
    {
        var proof = new JsonStateSerializer<Plain>().Proof;

        Assert.Empty(proof.Contract.Faults);
        Assert.Empty(proof.Contract.Doubts);
        Assert.Equal(8, Enumerable.Range(0, 100).Count(_ => proof.IsDue("{}"u8)));
        var state = Plain("a");
        var codec = CodecOf<Plain>();
        var back = codec.Decode("a", codec.Encode("a", state));
        Assert.Equal((state.Name, state.Price, state.Day, state.Next!.Name), (back.Name, back.Price, back.Day, back.Next!.Name));
        Assert.Equal(state.Tags, back.Tags);
        Assert.Equal(state.Counts, back.Counts);
    }

    [Fact]
    public void Keys_that_a_policy_changes_are_refused()
    {
        var codec = CodecOf<Plain>(new JsonSerializerOptions { DictionaryKeyPolicy = JsonNamingPolicy.CamelCase });

        codec.Encode("a", Plain("a") with { Counts = new() { ["small"] = 1 } });

        Assert.Contains("Large", Refused(codec, Plain("a") with { Counts = new() { ["Large"] = 1 } }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_with_a_member_of_a_newer_release_is_left_to_it()
    {
        var newer = CodecOf<After>().Encode("a", new After { Quantity = 3, Shelf = "B7" });

        var error = Assert.Throws<PayloadException>(() => CodecOf<Before>().Decode("a", newer));

        Assert.Equal(PayloadProblem.NewerSchema, error.Problem);
        Assert.Contains("Shelf", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, CodecOf<After>().Decode("a", CodecOf<Before>().Encode("a", new Before { Quantity = 3 })).Quantity);
    }

    [Fact]
    public async Task A_flush_leaves_a_state_of_a_newer_release_dirty_and_the_newer_release_flushes_it()
    {
        await using var newer = await TestEngine.StartAsync(
            new() { Sweep = false, More = static builder => builder.AddEntity<After>("shelf") });
        await newer.Engine.Store<After>("shelf").SetAsync("a", new After { Quantity = 3, Shelf = "B7" });
        await using (var older = await TestEngine.StartAsync(
            newer.Options with { More = static builder => builder.AddEntity<Before>("shelf") }))
        {
            await older.FlushAllAsync();
            await Assert.ThrowsAsync<PayloadException>(() => older.Engine.Store<Before>("shelf").GetAsync("a"));
            Assert.Equal(1, (await older.Engine.GetStatusAsync()).Types.Single(type => type.Type == "shelf").Dirty);
        }

        await newer.FlushAllAsync();
        Assert.Equal("B7", (await newer.Engine.Store<After>("shelf").GetAsync("a"))!.State.Shelf);
        await using var late = await TestEngine.StartAsync(
            newer.Options with { More = static builder => builder.AddEntity<Before>("shelf") });
        await Assert.ThrowsAsync<PayloadException>(() => late.Engine.Store<Before>("shelf").GetAsync("a"));
    }

    [Fact]
    public async Task A_process_that_calls_members_by_other_names_is_told_at_start()
    {
        await using var first = await TestEngine.StartAsync(new() { More = static builder => builder.AddEntity<Before>("shelf") });

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(first.Options with
        {
            More = static builder => builder.AddEntity<Before>(
                "shelf",
                static type => type.Serializer =
                new JsonStateSerializer<Before>(new JsonSerializerOptions(JsonSerializerDefaults.Web))),
        }));

        Assert.Contains("the member Quantity", error.Message, StringComparison.Ordinal);
        Assert.Contains("'quantity'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_names_are_recorded_again_when_redis_has_lost_them()
    {
        await using var first = await TestEngine.StartAsync(new() { More = static builder => builder.AddEntity<Before>("shelf") });
        using var connection = await ConnectionMultiplexer.ConnectAsync(first.Options.Redis!);
        var meta = new KeyLayout(first.Options.Prefix!, "shelf", first.OptionsOf("shelf").Shards).Meta;
        Assert.True(await connection.GetDatabase().KeyDeleteAsync(meta));

        await Eventually.TrueAsync(() => connection.GetDatabase().HashExistsAsync(meta, "names:1"));

        await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(first.Options with
        {
            More = static builder => builder.AddEntity<Before>(
                "shelf",
                static type => type.Serializer =
                new JsonStateSerializer<Before>(new JsonSerializerOptions(JsonSerializerDefaults.Web))),
        }));
    }

    [Fact]
    public async Task A_nul_in_a_text_is_refused_at_the_write()
    {
        await using var engine = await TestEngine.StartAsync(new() { More = static builder => builder.AddEntity<After>("shelf") });
        var shelves = engine.Engine.Store<After>("shelf");

        var document = await Assert.ThrowsAsync<PayloadException>(() => shelves.SetAsync("a", new After { Shelf = "B\07" }));
        var column = await Assert.ThrowsAsync<PayloadException>(() => engine.Items.SetAsync("1", new Item(1, "B\07")));
        await shelves.SetAsync("b", new After { Shelf = @"B\u00007" });
        await shelves.FlushAsync("b");

        Assert.Contains("'Shelf' holds the character U+0000", document.Message, StringComparison.Ordinal);
        Assert.Contains("U+0000", column.Message, StringComparison.Ordinal);
        Assert.Equal(@"B\u00007", (await shelves.GetAsync("b"))!.State.Shelf);
    }

    [Fact]
    public void What_would_not_come_back_from_a_cache_is_not_cached()
    {
        var codec = new CacheCodec(new CacheOptions("shapes"), NullLogger.Instance);

        Assert.Null(codec.Encode("a", new WithTuple { Name = ("Ada", "Lovelace") }));
        Assert.Null(codec.Encode("a", new Basket { Lines = [new GiftLine { Amount = 1 }] }));
        Assert.NotNull(codec.Encode("a", new Basket { Lines = [new Line { Amount = 1 }] }));
    }

    private static async Task StartWith<TState>()
        where TState : class
    {
        await using var engine = await TestEngine.StartAsync(new() { More = static builder => builder.AddEntity<TState>("shape") });
    }

    private static Plain Plain(string name)
        => new(name, 1.50m, ["x", "y"], new() { ["k"] = 1 }, DayOfWeek.Friday, new Plain("next", 0, [], [], null, null));

    private static PayloadCodec<TState> CodecOf<TState>(JsonSerializerOptions? json = null)
        where TState : class
        => new(new EntityTypeOptions<TState>("shape") { Serializer = new JsonStateSerializer<TState>(json) });

    private static PayloadException Refused<TState>(PayloadCodec<TState> codec, TState state)
        where TState : class
    {
        var error = Assert.Throws<PayloadException>(() => codec.Encode("a", state));
        Assert.Equal(PayloadProblem.NotSerializable, error.Problem);
        return error;
    }
}
