using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Operations;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// Redis comes back with an older copy of its data. It is noticed and said, and what is acknowledged from then on reaches PostgreSQL,
/// though the copy would give versions out again that are taken there.
/// </summary>
public sealed class RedisWentBackTests : IAsyncLifetime
{
    private RedisServer _redis = null!;

    public static TheoryData<AfterFlush, bool, bool> Copies()
    {
        var copies = new TheoryData<AfterFlush, bool, bool>();
        foreach (var afterFlush in new[] { AfterFlush.Delete, AfterFlush.Keep })
        {
            foreach (var isDirty in new[] { false, true })
            {
                copies.Add(afterFlush, isDirty, false);
                copies.Add(afterFlush, isDirty, true);
            }
        }

        return copies;
    }

    public async Task InitializeAsync() => _redis = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await _redis.DisposeAsync();

    [Theory]
    [MemberData(nameof(Copies))]
    public async Task What_is_acknowledged_after_Redis_went_back_reaches_the_database(
        AfterFlush afterFlush, bool isDirtyInTheCopy, bool byANewProcess)
    {
        await using var engine = await StartAsync(afterFlush);
        await engine.Items.SetAsync("a", new Item(1));
        if (!isDirtyInTheCopy)
        {
            await engine.FlushAsync("a");
        }

        var copy = await CopyAsync(engine);
        for (var quantity = 2; quantity <= 4; quantity++)
        {
            await engine.Items.SetAsync("a", new Item(quantity));
            await engine.FlushAsync("a");
        }

        await _redis.RestoreDataAsync(copy);
        await using var other = byANewProcess ? await TestEngine.StartAsync(engine.Options) : null;
        var writer = other ?? engine;
        await WaitForAnswersAsync(writer);

        Assert.Equal(new Entity<Item>("a", 4, new Item(4)), await writer.Items.GetAsync("a"));
        Assert.Equal(5, await writer.Items.SetAsync("a", new Item(5)));
        await writer.FlushAsync("a");

        Assert.Equal(new ItemRow("a", 5, 5, null), await writer.Table.RowAsync("a"));
        Assert.Empty(await writer.Engine.DeadLetters.ListAsync("item"));
        await Told.AsItWentBackAsync(engine, other);
    }

    [Fact]
    public async Task A_state_that_is_dirty_in_the_copy_and_older_than_its_row_is_let_go_without_a_letter()
    {
        await using var engine = await StartAsync(AfterFlush.Delete);
        await engine.Items.SetAsync("a", new Item(1));
        var copy = await CopyAsync(engine);
        await engine.Items.SetAsync("a", new Item(2));
        await engine.FlushAsync("a");

        await RestoreAsync(copy, engine);
        await FlushAfterwardsAsync(engine);

        Assert.Equal(new ItemRow("a", 2, 2, null), await engine.Table.RowAsync("a"));
        Assert.Empty(await engine.Engine.DeadLetters.ListAsync("item"));
        Assert.True(engine.Log.Has(LogLevel.Warning, "was let go"));
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_state_that_is_dirty_in_the_copy_and_was_not_saved_is_saved()
    {
        await using var engine = await StartAsync(AfterFlush.Delete);
        await LoseAsync(engine);

        Assert.Equal(new Item(1), (await engine.Items.GetAsync("a"))!.State);
        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(3)));
        await FlushAfterwardsAsync(engine);
        Assert.Equal(new ItemRow("a", 2, 3, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task Where_the_watch_is_the_first_to_see_it_it_is_told_as_that_and_once()
    {
        await using var engine = await StartAsync(AfterFlush.Delete);
        await LoseAsync(engine);

        await Eventually.TrueAsync(async () => (await engine.Engine.GetStatusAsync()).Durability.WentBackAt is not null);
        await engine.Items.SetAsync("a", new Item(3));
        Assert.True((await engine.FlushAllAsync()).Remaining is { Count: 0 });
        Assert.Equal(1, engine.Log.Count(LogLevel.Critical, "went back to an older state"));
        Assert.Equal(0, engine.Log.Count(LogLevel.Warning, "went back to an older state"));
    }

    [Fact]
    public async Task A_session_from_before_is_refused_and_goes_on_from_what_counts()
    {
        await using var engine = await StartAsync(AfterFlush.Delete);
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await session.TryFlushAsync();
        var copy = await CopyAsync(engine);
        await session.SaveAsync(new Item(2));

        await RestoreAsync(copy, engine);

        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(3)));
        Assert.Equal(new Item(1), await session.LoadAsync());
        Assert.Equal(2, await session.SaveAsync(new Item(4)));
        await Eventually.TrueAsync(async () => await session.TryFlushAsync() == EntityFlush.Saved, because: "the connections are back");
        Assert.Equal(new ItemRow("a", 2, 4, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_restart_that_loses_nothing_is_not_taken_for_one_by_a_process_that_was_there()
    {
        await using var engine = await StartAsync(AfterFlush.Keep);
        await engine.Items.SetAsync("a", new Item(1));
        await _redis.RestartAsync();
        await WaitForAnswersAsync(engine);

        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(2)));
        await engine.FlushAsync("a");
        Assert.Null((await engine.Engine.GetStatusAsync()).Durability.WentBackAt);
        Assert.Equal(new ItemRow("a", 2, 2, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task Nor_by_one_that_begins_soon_after_it_as_the_one_that_was_there_has_looked_at_once()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = _redis.Configuration,
            Engine = static engine => engine.WatchInterval = TimeSpan.FromHours(1),
        });
        await engine.Items.SetAsync("a", new Item(1));
        var operation = OperationId.New();
        var view = new BufferView(_redis, engine);
        var server = (string)view.Keys[view.Keys.ShardOf("a")].Server!;
        var before = await _redis.SendAsync("GET", server);
        await _redis.RestartAsync();

        await Eventually.TrueAsync(async () => await _redis.SendAsync("GET", server) != before, TimeSpan.FromSeconds(30));

        await using var other = await TestEngine.StartAsync(engine.Options);
        Assert.Equal(2, (await OperationTests.AddAsync(other, "a", operation, 5)).Version);
        Assert.Null((await other.Engine.GetStatusAsync()).Durability.WentBackAt);
    }

    private Task<TestEngine> StartAsync(AfterFlush afterFlush)
        => TestEngine.StartAsync(new() { Redis = _redis.Configuration, Item = item => item.AfterFlush = afterFlush });

    /// <summary>
    /// A flush during which it shows gives no all-clear: nobody knows what else there was. The next one does. (Where the watch was first,
    /// it was told there.)
    /// </summary>
    private static async Task FlushAfterwardsAsync(TestEngine engine)
    {
        var first = await engine.FlushAllAsync();
        Assert.Empty(first.Remaining);
        Assert.Equal(first.IsClean ? [] : ["item"], first.Uncounted);
        Assert.NotNull((await engine.Engine.GetStatusAsync()).Durability.WentBackAt);
        Assert.True(engine.Log.Has(LogLevel.Critical, "went back to an older state"));
        Assert.True((await engine.FlushAllAsync()).IsClean);
    }

    private static async Task<bool> AnswersAsync(TestEngine engine)
    {
        try
        {
            return await engine.Items.GetAsync("nobody") is null;
        }
        catch (BufferUnavailableException)
        {
            return false;
        }
    }

    /// <summary>Writes <c>a</c>, and then <c>b</c>, which Redis goes back behind.</summary>
    private async Task LoseAsync(TestEngine engine)
    {
        await engine.Items.SetAsync("a", new Item(1));
        var copy = await CopyAsync(engine);
        await engine.Items.SetAsync("b", new Item(2));
        await RestoreAsync(copy, engine);
    }

    private async Task<DirectoryInfo> CopyAsync(TestEngine engine)
    {
        var copy = await _redis.CopyDataAsync();
        await WaitForAnswersAsync(engine);
        return copy;
    }

    private async Task RestoreAsync(DirectoryInfo copy, TestEngine engine)
    {
        await _redis.RestoreDataAsync(copy);
        await WaitForAnswersAsync(engine);
    }

    private static Task WaitForAnswersAsync(TestEngine engine)
        => Eventually.TrueAsync(() => AnswersAsync(engine), because: "the connection is back");
}
