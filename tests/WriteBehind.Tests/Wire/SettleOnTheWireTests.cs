using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Wire;

/// <summary>A recording of Redis shows how a flush takes states away: WATCH, MULTI, DEL, EXEC, and what an abort looks like.</summary>
public sealed class SettleOnTheWireTests
{
    private static readonly string[] Removals = ["DEL", "UNLINK", "EXPIRE", "PEXPIRE", "GETDEL", "RENAME", "FLUSHALL", "FLUSHDB"];

    [Fact]
    public async Task A_flush_watches_checks_and_deletes_in_one_transaction_on_one_connection()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        string[] ids = ["a", "b", "c"];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        await engine.Items.DeleteAsync("c");

        using var monitor = await redis.MonitorAsync();
        await engine.FlushAllAsync();
        var commands = await monitor.StopAsync();

        string[] keys = [.. ids.Select(id => Key(engine, id))];
        var settle = SettleOf(commands);
        Assert.Equal(
            ["WATCH", "MULTI", "DEL", "EXEC"],
            settle.Select(command => command.Name).Where(name => name is "WATCH" or "MULTI" or "DEL" or "EXEC").Distinct());
        Assert.Equal(keys, settle.Where(command => command.Name == "WATCH").SelectMany(command => command.Arguments.Skip(1))
            .Order(StringComparer.Ordinal));
        Assert.Equal(keys, settle.Single(command => command.Name == "DEL").Arguments.Skip(1).Order(StringComparer.Ordinal));
        Assert.Single(settle, command => command.Name == "EXEC");

        // Nothing else ever takes an entity away, neither another connection nor a script.
        Assert.DoesNotContain(commands.Except(settle), command => Removals.Contains(command.Name) && command.Arguments.Any(keys.Contains));
    }

    [Fact]
    public async Task An_entity_that_moved_on_before_the_check_is_left_out_of_a_second_transaction_for_the_others()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        await using var other = await TestEngine.StartAsync(engine.Options);
        var buffer = new BufferView(redis, engine);
        string[] ids = ["a", "b", "c"];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        RedisMonitor? recording = null;
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, async () =>
        {
            await other.Items.SetAsync("b", new Item(2));
            recording = await redis.MonitorAsync();
        });
        using var settled = engine.Gate.HoldAt(ProtocolStep.Settled);
        var flush = engine.FlushAllAsync();
        await settled.ReachedAsync();
        using var monitor = recording!;
        var commands = await monitor.StopAsync();

        Assert.Equal(
            [Key(engine, "a"), Key(engine, "c")], SettleOf(commands).Single(command => command.Name == "DEL").Arguments.Skip(1).Order());
        Assert.Equal((null, 2, null), (await buffer.VersionAsync("a"), await buffer.VersionAsync("b"), await buffer.VersionAsync("c")));
        Assert.True(await buffer.IsDirtyAsync("b"));
        Assert.Equal((1, 2), ((await engine.StatusAsync()).Counters.SettleAborts, (await engine.StatusAsync()).Counters.Settled));
        settled.Release();
        await flush;
        await engine.FlushAllAsync();
        Assert.Equal(2, (await engine.Table.RowAsync("b"))!.Version);
    }

    [Fact]
    public async Task An_entity_that_the_process_itself_wrote_again_costs_no_transaction_in_vain()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 4 });
        var buffer = new BufferView(redis, engine);
        string[] ids = [.. Enumerable.Range(0, 12).Select(i => $"i{i}")];
        string[] rewritten = ["i3", "i7", "i8"];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        RedisMonitor? recording = null;
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, async () =>
        {
            await Task.WhenAll(rewritten.Select(id => engine.Items.SetAsync(id, new Item(2))));
            recording = await redis.MonitorAsync();
        });
        using var settled = engine.Gate.HoldAt(ProtocolStep.Settled);
        var flush = engine.FlushAllAsync();
        await settled.ReachedAsync();
        using var monitor = recording!;
        var settle = SettleOf(await monitor.StopAsync());

        Assert.Equal(
            ids.Except(rewritten).Order(),
            settle.Where(command => command.Name == "WATCH").Select(command => command.Arguments[1].Split(':')[^1]).Order());
        Assert.Single(settle, command => command.Name == "EXEC");
        var counters = (await engine.StatusAsync()).Counters;
        Assert.Equal((0, ids.Length - rewritten.Length), (counters.SettleAborts, counters.Settled));
        foreach (var id in rewritten)
        {
            Assert.Equal(2, await buffer.VersionAsync(id));
            Assert.True(await buffer.IsDirtyAsync(id));
        }

        settled.Release();
        await flush;
        await engine.FlushAllAsync();
        Assert.All(await Task.WhenAll(rewritten.Select(engine.Table.RowAsync)), row => Assert.Equal((2, 2), (row!.Version, row.Quantity)));
    }

    [Fact]
    public async Task A_write_between_WATCH_and_EXEC_aborts_the_EXEC_and_only_the_written_one_stays_dirty()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var flusher = await TestEngine.StartAsync(new()
        {
            Redis = redis.ConfigurationFor(proxy.Port, TimeSpan.FromSeconds(60)),
            Item = item => item.Shards = 1,
        });
        await using var writer = await TestEngine.StartAsync(flusher.Options with { Redis = redis.Configuration });
        var buffer = new BufferView(redis, flusher);
        string[] ids = ["a", "b", "c", "d"];
        await writer.Items.SetAsync("first", new Item(1));
        await flusher.FlushAsync("first"); // Opens the connection for settling, which would take its time behind the slow proxy.
        await Task.WhenAll(ids.Select(id => writer.Items.SetAsync(id, new Item(1))));

        RedisMonitor? recording = null;
        flusher.Gate.RunAt(ProtocolStep.BeforeSettle, async () =>
        {
            // The answers to WATCH and check take their time, and MULTI is not sent before they are there.
            recording = await redis.MonitorAsync();
            proxy.ResponseDelay = TimeSpan.FromSeconds(30);
        });
        using var settled = flusher.Gate.HoldAt(ProtocolStep.Settled);
        var flush = flusher.FlushAllAsync();
        await Eventually.TrueAsync(() => recording?.Commands.Count(command => command.Name is "HGET" && !command.FromScript) >= ids.Length);
        await writer.Items.SetAsync("c", new Item(2));
        var written = recording!.Commands.Count;
        Assert.DoesNotContain(recording.Commands, command => command.Name == "MULTI");
        proxy.ResponseDelay = TimeSpan.Zero;
        await settled.ReachedAsync();
        using var monitor = recording;
        var commands = await monitor.StopAsync();

        // The first transaction had all four in it and was aborted by Redis itself.
        var after = commands.Skip(written).ToList();
        Assert.Contains(after, command => command.Name == "EXEC");
        Assert.Equal((null, null, 2, null), (
            await buffer.VersionAsync("a"), await buffer.VersionAsync("b"), await buffer.VersionAsync("c"),
            await buffer.VersionAsync("d")));
        Assert.True(await buffer.IsDirtyAsync("c"));
        var counters = (await flusher.StatusAsync()).Counters;
        Assert.Equal(1 + 3, counters.Settled);
        Assert.True(counters.SettleAborts >= 2, "First the EXEC, then the check of the half with the one that moved.");

        settled.Release();
        await flush;
        await writer.FlushAllAsync();
        Assert.Equal((2, 2), ((await writer.Table.RowAsync("c"))!.Version, (await writer.Table.RowAsync("c"))!.Quantity));
    }

    [Fact]
    public async Task Entities_of_many_shards_are_settled_in_one_transaction_where_one_server_holds_them()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 8 });
        string[] ids = [.. Enumerable.Range(0, 40).Select(i => $"i{i}")];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));

        using var monitor = await redis.MonitorAsync();
        await engine.FlushAllAsync();
        var settle = SettleOf(await monitor.StopAsync());

        Assert.Single(settle, command => command.Name == "EXEC");
        Assert.Equal(ids.Length, settle.Count(command => command.Name == "WATCH"));
        Assert.Equal(ids.Length, settle.Single(command => command.Name == "DEL").Arguments.Skip(1).Count());
        Assert.Equal(8, settle.Count(command => command.Name == "ZREMRANGEBYSCORE"));
        var status = await engine.StatusAsync();
        Assert.Equal((0, 40), (status.Dirty, status.Counters.Settled));
    }

    [Fact]
    public async Task After_a_transaction_in_vain_those_that_moved_on_are_found_by_a_look_before_the_next_one()
    {
        await using var engine = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);
        await Task.WhenAll(engine.Items.SetAsync("a", new Item(1)), engine.Items.SetAsync("b", new Item(1)));
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => other.Items.SetAsync("b", new Item(2)));
        await engine.FlushAllAsync();
        Assert.Equal(1, (await engine.StatusAsync()).Counters.SettleAborts);

        await Task.WhenAll(engine.Items.SetAsync("c", new Item(1)), engine.Items.SetAsync("d", new Item(1)));
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, () => other.Items.SetAsync("d", new Item(2)));
        await engine.FlushAllAsync();

        var status = await engine.StatusAsync();
        Assert.Equal((1, 3, 1), (status.Counters.SettleAborts, status.Counters.Settled, status.Dirty));
        await engine.FlushAllAsync();
        Assert.Equal((2, 2), ((await engine.Table.RowAsync("d"))!.Version, (await engine.Table.RowAsync("d"))!.Quantity));
    }

    /// <summary>What the connection that watches sent, in order, without what only tries out whether it still guards.</summary>
    private static List<MonitoredCommand> SettleOf(IReadOnlyList<MonitoredCommand> commands)
    {
        var client = commands.First(command => command.Name == "WATCH").Client;
        return [.. commands.Where(command => command.Client == client
            && !command.Arguments.Any(argument => argument.Contains(":proof:", StringComparison.Ordinal)))];
    }

    private static string Key(TestEngine engine, string id) => $"{engine.Options.Prefix}:{{item:00}}:e:{id}";
}
