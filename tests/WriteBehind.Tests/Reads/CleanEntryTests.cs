using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Reads;

/// <summary>Clean entries (<see cref="AfterFlush.Keep"/>): they spare the database, and never hide anything newer.</summary>
public sealed class CleanEntryTests
{
    private static readonly TestEngineOptions Keeping = new() { Item = item => item.AfterFlush = AfterFlush.Keep };

    [Fact]
    public async Task Clean_entries_serve_reads_and_take_writes_while_the_database_is_away()
    {
        var postgres = await SharedServers.PostgresAsync();
        await using var proxy = TcpProxy.Start(postgres.Port);
        var direct = await postgres.CreateDatabaseAsync();
        await new ItemTable(direct).CreateAsync();
        await using var engine = await TestEngine.StartAsync(Keeping with { Postgres = PostgresServer.Through(direct, proxy.Port) });
        await engine.Items.SetAsync("flushed", new Item(1));
        await engine.FlushAsync("flushed");
        await new ItemTable(direct).PutAsync(new ItemRow("read", 4, 4, null));
        await engine.Items.GetAsync("read");

        proxy.RefuseConnections = true;
        await proxy.CutAsync();

        Assert.Equal(new Entity<Item>("flushed", 1, new Item(1)), await engine.Items.GetAsync("flushed"));
        Assert.Equal(new Entity<Item>("read", 4, new Item(4)), await engine.Items.GetAsync("read"));
        Assert.Equal(2, (await engine.Items.GetManyAsync(["flushed", "read"])).Count);
        Assert.Equal(5, (await engine.Items.UpdateAsync("read", state => new Item(state!.Quantity + 1)))!.Version);
        await Assert.ThrowsAsync<SinkException>(() => engine.Items.GetAsync("never seen"));

        await proxy.HealAsync();
        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("read", 5, 5, null), await new ItemTable(direct).RowAsync("read"));
    }

    [Fact]
    public async Task A_clean_entry_takes_a_conditional_write_and_refuses_a_stale_one()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(2), expectedVersion: 1));
        await engine.FlushAsync("a");
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("a", new Item(3), expectedVersion: 1));
        Assert.Equal(2, conflict.CurrentVersion);
    }

    [Fact]
    public async Task A_fill_leaves_a_mark_alone_whose_state_redis_lost()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        var buffer = await BufferView.OfAsync(engine);
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.SetAsync("a", new Item(2));
        await (await SharedServers.RedisAsync()).SendAsync("DEL", (string)buffer.Keys[buffer.Keys.ShardOf("a")].Entity("a")!);

        await engine.Items.GetAsync("a");
        Assert.Null(await buffer.VersionAsync("a"));

        await engine.Items.SetAsync("a", new Item(3));
        Assert.Equal(-1, await buffer.TimeToLiveAsync("a"));
    }

    [Fact]
    public async Task A_clean_entry_can_be_evicted_and_its_row_stays()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        await engine.Items.SetAsync("a", new Item(1));
        Assert.False(await engine.Items.EvictAsync("a"), "it is dirty");
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.State.Quantity);

        await engine.FlushAsync("a");
        await engine.Table.PutAsync(new ItemRow("a", 2, 99, null));
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.State.Quantity);
        Assert.True(await engine.Items.EvictAsync("a"));
        Assert.False(await engine.Items.With(WriteStrategy.Through).EvictAsync("a"), "it is gone");

        Assert.Equal(new Entity<Item>("a", 2, new Item(99)), await engine.Items.GetAsync("a"));
        Assert.Equal(3, (await engine.Items.UpdateAsync("a", static item => item! with { Quantity = 100 }))!.Version);
        await engine.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 3, 100, null), await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_fill_does_not_overwrite_a_write_that_came_while_it_loaded()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        await using var other = await TestEngine.StartAsync(engine.Options);
        await engine.Table.PutAsync(new ItemRow("a", 1, 1, null));
        OnceAfterLoad(engine, () => other.Items.SetAsync("a", new Item(2)));

        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await engine.Items.GetAsync("a"));
        await engine.FlushAllAsync();
        Assert.Equal(2, (await engine.Table.RowAsync("a"))!.Version);
    }

    [Fact]
    public async Task A_fill_does_not_hide_what_was_written_and_flushed_while_it_loaded()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        await using var other = await TestEngine.StartAsync(engine.Options with { Item = null });
        var buffer = await BufferView.OfAsync(engine);
        await engine.Table.PutAsync(new ItemRow("a", 1, 1, null));
        OnceAfterLoad(engine, async () =>
        {
            await other.Items.SetAsync("a", new Item(2));
            await other.FlushAsync("a");
            Assert.Null(await buffer.VersionAsync("a"));
        });

        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Null(await buffer.VersionAsync("a"));
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_fill_does_not_bring_back_what_was_deleted_and_flushed_while_it_loaded()
    {
        await using var engine = await TestEngine.StartAsync(Keeping);
        await using var other = await TestEngine.StartAsync(engine.Options);
        await engine.Table.PutAsync(new ItemRow("a", 1, 1, null));
        OnceAfterLoad(engine, async () =>
        {
            await other.Items.DeleteAsync("a");
            await other.FlushAsync("a");
        });

        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Null(await engine.Items.GetAsync("a"));
        Assert.Null(await other.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_fill_that_is_older_than_a_fence_lasts_is_dropped()
    {
        var fence = TimeSpan.FromMilliseconds(200);
        await using var engine = await TestEngine.StartAsync(
            new() { Item = item => (item.AfterFlush, item.FenceTime) = (AfterFlush.Keep, fence) });
        await using var other = await TestEngine.StartAsync(engine.Options with { Item = item => item.FenceTime = fence });
        var buffer = await BufferView.OfAsync(engine);
        await engine.Table.PutAsync(new ItemRow("a", 1, 1, null));
        OnceAfterLoad(engine, async () =>
        {
            await other.Items.SetAsync("a", new Item(2));
            await other.FlushAsync("a");
            await buffer.WaitUntilFenceExpiredAsync("a");
        });

        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Null(await buffer.VersionAsync("a"));
        Assert.Equal(2, (await engine.Items.GetAsync("a"))!.Version);
    }

    [Fact]
    public async Task A_fill_from_before_Redis_was_emptied_is_dropped()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(Keeping with { Redis = redis.Configuration });
        var buffer = new BufferView(redis, engine);
        await engine.Table.PutAsync(new ItemRow("a", 1, 1, null));
        OnceAfterLoad(engine, async () => Assert.Equal("OK", await redis.SendAsync("FLUSHALL")));

        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Null(await buffer.VersionAsync("a"));
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.Version);
        Assert.Equal(1, await buffer.VersionAsync("a"));
    }

    private static void OnceAfterLoad(TestEngine engine, Func<Task> action) => engine.Sink.AfterLoad = _ =>
    {
        engine.Sink.AfterLoad = null;
        return action();
    };
}
