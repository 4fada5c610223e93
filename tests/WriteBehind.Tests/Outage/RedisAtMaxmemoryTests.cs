using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>A Redis that has reached maxmemory: who drains it must get in, and what is a mere cache gives way.</summary>
public sealed class RedisAtMaxmemoryTests
{
    private const int Entities = 50;
    private const int Round = 200;

    [Theory]
    [InlineData(AfterFlush.Delete)]
    [InlineData(AfterFlush.Keep)]
    public async Task A_process_that_starts_at_maxmemory_drains_what_fills_redis(AfterFlush afterFlush)
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await using var first = await TestEngine.StartAsync(
            new() { Redis = redis.Configuration, Item = item => item.AfterFlush = afterFlush });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => first.Items.SetAsync($"{i}", new Item(i))));
        await first.StopAsync();
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");

        await using var next = await TestEngine.StartAsync(first.Options);
        var report = await next.FlushAllAsync();

        Assert.True(report.IsClean);
        Assert.Equal(Entities, report.Flushed);
        Assert.Equal(Entities, (await next.Table.RowsAsync()).Count);

        // Nothing is kept that is a cache.
        Assert.Null(await new BufferView(redis, next).VersionAsync("7"));
    }

    [Fact]
    public async Task Memory_that_is_full_for_a_moment_as_a_connection_is_tried_out_is_not_taken_for_a_right_that_is_missing()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var link = TcpProxy.Start(redis.Port);
        link.ResponseDelay = TimeSpan.FromMilliseconds(250);
        using var monitor = await redis.MonitorAsync();
        var starting = TestEngine.StartAsync(new() { Redis = redis.ConfigurationFor(link.Port, TimeSpan.FromSeconds(15)) });

        // The transaction that is tried out is about to be sent. It is refused; and when its sender hears of that, there is room again.
        await Eventually.TrueAsync(() => starting.IsCompleted || monitor.Commands.Any(static command =>
            command.Name == "HGET" && command.Arguments[1].Contains(":proof:", StringComparison.Ordinal)));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await Eventually.TrueAsync(async () => starting.IsCompleted
            || (await redis.SendAsync("INFO", "errorstats"))!.Contains("EXECABORT", StringComparison.Ordinal));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");

        await using var engine = await starting;
        await engine.Items.SetAsync("a", new Item(1));
        Assert.Contains("EXECABORT", await redis.SendAsync("INFO", "errorstats"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_is_new_there_starts_at_maxmemory_and_is_read_in_shards_that_were_never_used()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(1),
            Item = static item => (item.AfterFlush, item.CacheTtl) = (AfterFlush.Keep, TimeSpan.FromHours(5)),
        });
        string[] ids = [.. Enumerable.Range(0, 100).Select(static i => $"{i}")];
        await engine.Table.PutAsync(new ItemRow("7", Version: 3, Quantity: 7, Note: null));

        Assert.Equal(["7"], (await engine.Items.GetManyAsync(ids)).Keys);
        Assert.Equal(7, (await engine.Items.GetAsync("7"))!.State.Quantity);
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("8", new Item(8)));
        Assert.Contains("maxmemory", error.Message, StringComparison.Ordinal);
        Assert.True((await engine.FlushAllAsync()).IsClean);

        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");
        await engine.Items.SetAsync("8", new Item(8));
        await engine.FlushAsync("8");
        Assert.Equal(8, (await engine.Table.RowAsync("8"))!.Quantity);
    }

    [Fact]
    public async Task A_process_that_starts_at_maxmemory_after_redis_was_restarted_drains_it()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await using var first = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => first.Items.SetAsync($"{i}", new Item(i))));
        await first.StopAsync();

        // Under another run id, which the record does not know.
        await redis.RestartAsync();
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await using var next = await TestEngine.StartAsync(first.Options with { More = static more => more.AddEntity<Reading>("reading") });

        Assert.Equal(3, (await next.Items.GetAsync("3"))!.State.Quantity);
        Assert.True((await next.FlushAllAsync()).IsClean);
        Assert.Equal(Entities, (await next.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_process_that_starts_at_maxmemory_shares_calls_once_there_is_room()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var connections = (RedisConnections)engine.Services.GetService(typeof(RedisConnections))!;
        Assert.False(connections.IsOneServerKnown);

        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");

        await Eventually.TrueAsync(() => connections is { IsOneServerKnown: true, IsOneServer: true });
    }

    [Fact]
    public async Task A_bound_below_the_shards_holds_for_a_process_that_starts_at_maxmemory()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => (engine.WriteTimeout, engine.WatchInterval) = (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            Item = static item => item.MaxDirty = 2,
        });
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(1)));
        Assert.Contains("maxmemory", error.Message, StringComparison.Ordinal);

        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");

        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(2));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("c", new Item(3)));
    }

    [Fact]
    public async Task A_flush_can_be_paused_at_maxmemory_and_what_is_dirty_looked_at()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await engine.Items.SetAsync("a", new Item(1));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");

        await engine.Engine.PauseAsync("item");
        await Assert.ThrowsAsync<FlushPausedException>(() => engine.FlushAsync("a"));
        Assert.Equal(1, (await engine.Engine.InspectAsync("item", "a")).Buffered!.Version);
        Assert.Single(await engine.Engine.OldestAsync("item"));

        Assert.True(await engine.Engine.ResumeAsync("item"));
        await engine.FlushAsync("a");
    }

    [Fact]
    public async Task Clean_entries_give_way_to_writes_and_dirty_ones_stay()
    {
        const int Most = 16 << 20;
        const int Size = 2_000;
        await using var redis = await RedisServer.StartAsync(
            new() { Timeout = TimeSpan.FromSeconds(15), ExtraArguments = ["--maxmemory", "8mb"] });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(30),
            Item = static item => (item.AfterFlush, item.CacheTtl, item.BatchSize) = (AfterFlush.Keep, TimeSpan.FromHours(5), Round),
        });
        await engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN note TYPE text");
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"dirty{i}", new Item(i))));
        var note = new string('x', Size);

        // Twice what there is room for. Each is clean before the next is written, so nothing but the cache is in the way.
        for (var written = 0; written * Size < Most; written += Round)
        {
            string[] ids = [.. Enumerable.Range(written, Round).Select(static i => i.ToString(CultureInfo.InvariantCulture))];
            await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1, note))));
            await Task.WhenAll(ids.Select(engine.FlushAsync));
        }

        Assert.Equal(Entities, (await engine.StatusAsync()).Dirty);
        Assert.True(engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Warning, "gave way to writes"));
        for (var i = 0; i < Entities; i++)
        {
            Assert.Equal(i, (await engine.Items.GetAsync($"dirty{i}"))!.State.Quantity);
        }
    }

    [Fact]
    public async Task An_evicted_entry_leaves_its_fence_and_a_writer_that_is_behind_is_refused()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(1),
            Item = static item => (item.AfterFlush, item.CacheTtl, item.Shards) = (AfterFlush.Keep, TimeSpan.FromHours(5), 1),
        });
        var view = new BufferView(redis, engine);
        var behind = engine.Items.OpenSession("a");
        await behind.LoadAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        Assert.NotNull(await view.VersionAsync("a"));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("b", new Item(2)));
        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");

        Assert.Null(await view.VersionAsync("a"));
        Assert.NotNull(await view.FenceAsync("a"));
        await Assert.ThrowsAsync<WriteConflictException>(() => behind.SaveAsync(new Item(3)));
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.State.Quantity);
    }
}
