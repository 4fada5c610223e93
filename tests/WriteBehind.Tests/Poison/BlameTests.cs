using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

/// <summary>Blame needs proof: what fails alone while others pass is the entity's fault, what fails for all is nobody's.</summary>
public sealed class BlameTests
{
    [Theory]
    [InlineData("55000")]
    [InlineData("58030")]
    [InlineData("53200")]
    [InlineData("42P01")]
    [InlineData("57P01")]
    [InlineData("08006")]
    [InlineData("25006")]
    [InlineData("HV00L")]
    [InlineData("XX000")]
    [InlineData("26000")]
    [InlineData("0A000")]
    [InlineData("28P01")]
    [InlineData("P0001")]
    [InlineData("UB001")]
    public async Task One_row_whose_trigger_raises_anything_harms_only_its_own_entity(string code)
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 3 });
        await RaiseAsync(engine, "NEW.note = 'bad'", code);
        var good = Enumerable.Range(0, 60).Select(static i => IdOf(i)).ToList();
        var writes = good.ConvertAll(id => engine.Items.SetAsync(id, new Item(1)));
        writes.Add(engine.Items.SetAsync("i30bad", new Item(1, "bad")));
        await Task.WhenAll(writes);

        // The bad one may have been alone in a batch after all the others: what passes later is the proof then.
        await Eventually.TrueAsync(async () =>
        {
            await engine.Items.SetAsync(good[0], new Item(2));
            return (await engine.StatusAsync()).DeadLetters == 1;
        });
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);

        Assert.Equal(good.Order(), (await engine.Table.RowsAsync()).Keys.Order());
        var letter = Assert.Single(await engine.Engine.DeadLetters.ListAsync("item"));
        Assert.Equal(("i30bad", code, 3), (letter.Id, letter.Code, letter.Attempts));
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);
    }

    [Fact]
    public async Task Many_of_them_drag_no_good_one_along()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 2 });
        await RaiseAsync(engine, "NEW.note = 'bad'", "42P01");
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => engine.Items.SetAsync(IdOf(i), new Item(1, i % 3 == 0 ? "bad" : null))));

        // A good one passes now and then: where all good ones are through before the bad ones' second try, nothing more is known of others.
        await Eventually.TrueAsync(async () =>
        {
            await engine.Items.SetAsync(IdOf(1), new Item(1));
            return await engine.StatusAsync() is { DeadLetters: 67 };
        });
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0 });

        Assert.Equal(133, (await engine.Table.RowsAsync()).Count);
        Assert.Equal(67, (await engine.StatusAsync()).DeadLetters);
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);
    }

    [Theory]
    [InlineData("55000")]
    [InlineData("53100")]
    [InlineData("42501")]
    [InlineData("P0001")]
    public async Task What_fails_for_all_is_nobody_s_fault_and_is_said_once(string code)
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 3 });
        await RaiseAsync(engine, "true", code);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => engine.Items.SetAsync(IdOf(i), new Item(1))));

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Counters.TransientFailures >= 4);
        var status = await engine.StatusAsync();
        Assert.Equal((50, 0), (status.Dirty, status.DeadLetters));
        Assert.Contains(code, status.LastError, StringComparison.Ordinal);
        Assert.Equal(1, engine.Log.Count(LogLevel.Error, "no entity is to blame"));

        await engine.Table.ExecuteAsync("DROP TRIGGER raise ON items");
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 0, Breaker: BreakerState.Closed });
        Assert.Equal(50, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_single_one_that_fails_is_blamed_only_once_another_has_passed_and_stops_nobody_meanwhile()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 1 });
        await RaiseAsync(engine, "NEW.note = 'bad'", "55000");
        await engine.Items.SetAsync("bad", new Item(1, "bad"));
        await Eventually.TrueAsync(() => engine.Sink.SentFor("bad").Count >= 2);
        Assert.Equal((1, 0), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).DeadLetters));
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);

        await engine.Items.SetAsync("good", new Item(1));
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).ContainsKey("good"));

        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 1 });
        Assert.Equal(1, engine.Log.Count(LogLevel.Warning, "nothing else of the type was saved"));
    }

    [Fact]
    public async Task A_single_entity_that_is_slow_opens_no_breaker_for_its_type()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Item = static item => item.StatementTimeout = TimeSpan.FromSeconds(1),
        });
        await engine.Table.ExecuteAsync("""
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN IF NEW.note = 'slow' THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$;
            CREATE TRIGGER dawdle BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION dawdle();
            """);
        await engine.Items.SetAsync("slow", new Item(1, "slow"));
        for (var i = 0; engine.Sink.SentFor("slow").Count < 3; i++)
        {
            await engine.Items.SetAsync($"quick{i}", new Item(1));
            await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).ContainsKey($"quick{i}"));
            Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);
        }

        await engine.Table.ExecuteAsync("DROP TRIGGER dawdle ON items");
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 0 });
    }

    [Fact]
    public async Task Two_entities_that_exchange_a_unique_value_are_saved_together_where_the_constraint_is_deferred()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true });
        await engine.Table.ExecuteAsync("ALTER TABLE items ADD CONSTRAINT unique_note UNIQUE (note) DEFERRABLE INITIALLY DEFERRED");
        await SetBothAsync(engine, "one", "two");
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0 });

        await SetBothAsync(engine, "two", "one");

        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 0 });
        Assert.Equal("two", (await engine.Table.RowAsync("a"))!.Note);
        Assert.Equal("one", (await engine.Table.RowAsync("b"))!.Note);
    }

    [Fact]
    public async Task Where_it_is_not_deferred_their_letters_say_what_to_do()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 2 });
        await engine.Table.ExecuteAsync("ALTER TABLE items ADD CONSTRAINT unique_note UNIQUE (note)");
        await SetBothAsync(engine, "one", "two");
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0 });

        await SetBothAsync(engine, "two", "one");

        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 2 });
        Assert.All(
            await engine.Engine.DeadLetters.ListAsync("item"),
            static letter => Assert.Contains("DEFERRABLE INITIALLY DEFERRED", letter.Error, StringComparison.Ordinal));
    }

    private static string IdOf(int i) => $"i{i:000}";

    private static Task<long[]> SetBothAsync(TestEngine engine, string a, string b)
        => Task.WhenAll(engine.Items.SetAsync("a", new Item(1, a)), engine.Items.SetAsync("b", new Item(1, b)));

    private static Task RaiseAsync(TestEngine engine, string when, string code) => engine.Table.ExecuteAsync($"""
        CREATE FUNCTION raise_it() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF {when} THEN RAISE 'on purpose' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER raise BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION raise_it();
        """);
}
