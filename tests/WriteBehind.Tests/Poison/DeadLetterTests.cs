using System.Text;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

public sealed class DeadLetterTests : IAsyncLifetime
{
    private TestEngine _engine = null!;

    public async Task InitializeAsync() => _engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_letter_can_be_looked_at_with_the_state_it_holds()
    {
        await DieAsync("a", new Item(1, Item.TooLongNote));
        await _engine.Items.SetAsync("b", new Item(2));

        var detail = (await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!;

        Assert.Equal(("item", "a", 1), (detail.Letter.Type, detail.Letter.Id, detail.Letter.Version));
        Assert.False(detail.IsDelete);
        Assert.Equal($$"""{"Quantity":1,"Note":"{{Item.TooLongNote}}"}""", Encoding.UTF8.GetString(detail.Payload!.Value.Span));
        Assert.Null(await _engine.Engine.DeadLetters.ShowAsync("item", "b"));
        Assert.Null(await _engine.Engine.DeadLetters.ShowAsync("item", "never there"));
    }

    [Fact]
    public async Task A_letter_whose_entity_holds_another_write_of_the_same_version_touches_nothing_of_it()
    {
        await DieAsync("a", new Item(1, Item.TooLongNote));
        var buffer = await BufferView.OfAsync(_engine);
        var entity = (string)buffer.Keys[buffer.Keys.ShardOf("a")].Entity("a")!;
        await (await SharedServers.RedisAsync()).SendAsync("HSET", entity, "w", "777");

        Assert.Null((await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!.Payload);
        Assert.False(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        Assert.True(await _engine.Engine.DeadLetters.DiscardAsync("item", "a"));
        Assert.Equal(1, await buffer.VersionAsync("a"));
    }

    [Fact]
    public async Task A_letter_of_an_earlier_release_without_a_nonce_is_told_by_its_version()
    {
        await DieAsync("a", new Item(1, Item.TooLongNote));
        var buffer = await BufferView.OfAsync(_engine);
        var dead = (string)buffer.Keys[buffer.Keys.ShardOf("a")].Dead!;
        await (await SharedServers.RedisAsync()).SendAsync("HSET", dead, "a", """{"v":1,"error":"value too long","attempts":5}""");

        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        Assert.True(await buffer.IsDirtyAsync("a"));
    }

    [Fact]
    public async Task An_id_that_can_name_no_entity_is_refused()
    {
        var letters = _engine.Engine.DeadLetters;
        foreach (var id in new[] { "", "a\0b", new string('x', 513), "\ud800" })
        {
            await Assert.ThrowsAsync<InvalidEntityIdException>(() => letters.ShowAsync("item", id));
            await Assert.ThrowsAsync<InvalidEntityIdException>(() => letters.RetryAsync("item", id));
            await Assert.ThrowsAsync<InvalidEntityIdException>(() => letters.DiscardAsync("item", id));
        }
    }

    [Fact]
    public async Task A_rejected_delete_is_a_letter_too_and_reads_say_absent()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.Items.FlushAsync("a");
        await _engine.Table.ExecuteAsync("CREATE TABLE orders (item text REFERENCES items (id)); INSERT INTO orders VALUES ('a')");
        await _engine.Items.DeleteAsync("a");
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("a"));

        var detail = (await _engine.Engine.DeadLetters.ShowAsync("item", "a"))!;
        Assert.Equal((true, null, "23503"), (detail.IsDelete, detail.Payload, detail.Letter.Code));
        Assert.Null(await _engine.Items.GetAsync("a"));

        await _engine.Table.ExecuteAsync("DROP TABLE orders");
        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        await _engine.Items.FlushAsync("a");
        Assert.Null(await _engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_letter_is_retried_once_its_cause_is_mended_and_again_becomes_one_where_it_is_not()
    {
        await DieAsync("a", new Item(1, Item.TooLongNote));
        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("a"));

        await _engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN note TYPE varchar(200)");
        Assert.True(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
        await _engine.Items.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 1, 1, Item.TooLongNote), await _engine.Table.RowAsync("a"));
        Assert.Empty(await _engine.Engine.DeadLetters.ListAsync("item"));
        Assert.False(await _engine.Engine.DeadLetters.RetryAsync("item", "a"));
    }

    [Fact]
    public async Task All_letters_are_retried_at_once()
    {
        var ids = Enumerable.Range(0, 1_200).Select(static i => $"bad{i}").ToList();
        await Task.WhenAll(ids.Select(id => _engine.Items.SetAsync(id, new Item(-7))));
        await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(ids.Count, (await _engine.StatusAsync()).DeadLetters);

        await _engine.Table.ExecuteAsync("ALTER TABLE items DROP CONSTRAINT quantity_not_negative");
        Assert.Equal(ids.Count, await _engine.Engine.DeadLetters.RetryAllAsync("item"));

        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.Equal(ids.Count, (await _engine.Table.RowsAsync()).Count);
        Assert.Equal(0, (await _engine.StatusAsync()).DeadLetters);
    }

    [Fact]
    public async Task Letters_that_die_again_meanwhile_are_retried_once()
    {
        // Rejected one by one they die fast: nothing is bisected.
        const int entities = 2_500;
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Item = static item
                => (item.MaxAttempts, item.FlushDelay, item.MaxBatchDelay) = (1, TimeSpan.FromMilliseconds(1), TimeSpan.Zero),
        });
        await engine.Table.ExecuteAsync("""
            CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER leave_out BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION leave_out();
            """);
        await Task.WhenAll(Enumerable.Range(0, entities).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).DeadLetters == entities);

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.Equal(entities, await engine.Engine.DeadLetters.RetryAllAsync("item", limit.Token));

        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: entities });
    }

    [Fact]
    public async Task Letters_that_cannot_be_retried_do_not_stand_before_the_others()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => (item.MaxAttempts, item.Shards) = (1, 2) });
        var buffer = await BufferView.OfAsync(engine);
        var good = Enumerable.Range(0, 100).Select(static i => $"bad{i}").First(id => buffer.Keys.ShardOf(id) == 1);
        await engine.Items.SetAsync(good, new Item(-7));
        await Assert.ThrowsAsync<EntityRejectedException>(() => engine.Items.FlushAsync(good));

        // A thousand whose entities are gone, in the shard that is looked at first.
        string[] gone = [.. Enumerable.Range(0, 1_000)
            .SelectMany(static i => new[] { $"gone{i}", """{"v":1,"error":"value too long","attempts":5}""" })];
        await (await SharedServers.RedisAsync()).SendAsync(["HSET", (string)buffer.Keys[0].Dead!, .. gone]);

        Assert.Equal(1, await engine.Engine.DeadLetters.RetryAllAsync("item"));
        Assert.True(await buffer.IsDirtyAsync(good));
    }

    [Fact]
    public async Task After_a_discard_the_database_counts_again_and_who_still_holds_the_dropped_state_gets_a_conflict()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.Items.FlushAsync("a");
        await DieAsync("a", new Item(-5));

        Assert.True(await _engine.Engine.DeadLetters.DiscardAsync("item", "a"));

        Assert.False(await _engine.Engine.DeadLetters.DiscardAsync("item", "a"));
        Assert.Equal(1, (await _engine.Items.GetAsync("a"))!.State.Quantity);
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(
            () => _engine.Items.SetAsync("a", new Item(-4), expectedVersion: 2));
        Assert.True(conflict.CurrentVersion > 2);

        var written = await _engine.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 10 });
        Assert.Equal(11, written!.State.Quantity);
        Assert.True(written.Version > conflict.CurrentVersion);
        await _engine.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", written.Version, 11, null), await _engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_discarded_entity_that_never_had_a_row_is_absent_and_can_be_written_again()
    {
        await DieAsync("a", new Item(-5));
        Assert.True(await _engine.Engine.DeadLetters.DiscardAsync("item", "a"));
        Assert.Null(await _engine.Items.GetAsync("a"));

        Assert.True(await _engine.Items.SetAsync("a", new Item(3)) > 1);
        await _engine.Items.FlushAsync("a");
        Assert.Equal(3, (await _engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_new_write_revives_a_dead_letter()
    {
        await DieAsync("a", new Item(-5));
        await _engine.Items.UpdateAsync("a", static item => item! with { Quantity = 5 });

        Assert.Empty(await _engine.Engine.DeadLetters.ListAsync("item"));
        await _engine.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 2, 5, null), await _engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task Dead_letters_count_towards_the_bound_and_can_still_be_rewritten_at_it()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Item = static item => (item.MaxAttempts, item.MaxDirty, item.Shards) = (1, 2, 1),
        });
        await engine.Items.SetAsync("a", new Item(-1));
        await engine.Items.SetAsync("b", new Item(-2));
        await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("c", new Item(3)));
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.FlushAsync("a");
        await engine.Items.SetAsync("c", new Item(3));
    }

    [Fact]
    public async Task Letters_of_an_unknown_type_are_refused_by_name()
    {
        var letters = _engine.Engine.DeadLetters;
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => letters.ListAsync("nothing"));
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => letters.RetryAllAsync("nothing"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => letters.ListAsync("item", limit: 0));
    }

    private async Task DieAsync(string id, Item state)
    {
        await _engine.Items.SetAsync(id, state);
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync(id));
        await Eventually.TrueAsync(async () => await _engine.Engine.DeadLetters.ShowAsync("item", id) is not null);
    }
}
