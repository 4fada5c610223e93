using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>One of three masters of a Redis Cluster is away: what the others hold goes on, and it shows that something is wrong.</summary>
public sealed class ClusterNodeOutageTests : IAsyncLifetime
{
    private const int Slots = 16_384;

    private static readonly string[] Ids = [.. Enumerable.Range(0, 300).Select(static n => $"e{n}")];

    private RedisCluster _cluster = null!;
    private TestEngine _engine = null!;
    private RedisServer _node = null!;
    private string[] _away = null!;

    public async Task InitializeAsync()
    {
        // A look waits for it where a node is frozen.
        _cluster = await RedisCluster.StartAsync(new() { Timeout = TimeSpan.FromSeconds(2) });
        foreach (var node in _cluster.Nodes)
        {
            // Otherwise the servers that are left refuse everything once they have noticed.
            await node.SendAsync("CONFIG", "SET", "cluster-require-full-coverage", "no");
        }

        _engine = await TestEngine.StartAsync(
            new() { Redis = _cluster.Configuration, Item = static item => item.Lease = TimeSpan.FromSeconds(6) });
        var keys = new BufferView(_cluster.Nodes[0], _engine).Keys;
        var nodes = new int[keys.Shards];
        for (var shard = 0; shard < nodes.Length; shard++)
        {
            var slot = int.Parse(
                (await _cluster.Nodes[0].SendAsync("CLUSTER", "KEYSLOT", (string)keys[shard].Dirty!))!, CultureInfo.InvariantCulture);
            nodes[shard] = ((3 * (slot + 1)) - 1) / Slots;
        }

        _node = _cluster.Nodes[nodes[0]];
        _away = [.. Ids.Where(id => nodes[keys.ShardOf(id)] == nodes[0])];
        Assert.InRange(_away.Length, 1, Ids.Length - 1);

        // The settle connection is opened while all is well.
        await Task.WhenAll(Ids.Select(id => _engine.Items.SetAsync(id, new Item(1))));
        Assert.True((await _engine.FlushAllAsync()).IsClean);
        await Task.WhenAll(Ids.Select(id => _engine.Items.SetAsync(id, new Item(2))));
        Assert.Equal(Ids.Length, (await _engine.StatusAsync()).Dirty);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public Task A_flush_of_everything_flushes_what_the_others_hold_while_one_is_frozen()
        => FlushAllAsync(_node.FreezeAsync, _node.ThawAsync);

    [Fact]
    public Task A_flush_of_everything_flushes_what_the_others_hold_while_one_is_dead()
        => FlushAllAsync(_node.KillAsync, _node.RestartAsync);

    [Fact]
    public async Task Sweeps_go_on_for_what_the_others_hold_and_their_loop_says_what_is_wrong()
    {
        var probe = new SinkProbe { BeforeSave = static _ => throw SinkProbe.Outage() };
        await using (var sweeping = await TestEngine.StartAsync(_engine.Options with { Sweep = true, Probe = probe }))
        {
            await _node.FreezeAsync();
            probe.BeforeSave = null;
            await Eventually.TrueAsync(AreOthersSavedAsync);
            await Eventually.TrueAsync(async () =>
                (await sweeping.Engine.GetStatusAsync()).Loops.Single(static loop => loop.Name == "sweep item").ConsecutiveFailures > 0);

            await _node.ThawAsync();
            await Eventually.TrueAsync(async () => (await sweeping.StatusAsync()).Dirty == 0);
        }

        Assert.All(await _engine.Table.RowsAsync(), static row => Assert.Equal(2, row.Value.Quantity));
    }

    [Fact]
    public async Task Flushes_on_demand_that_share_a_batch_with_what_is_away_succeed()
    {
        await _node.FreezeAsync();

        var flushes = Ids.ToDictionary(static id => id, id => _engine.Items.FlushAsync(id, TimeSpan.FromSeconds(60)));
        await Task.WhenAll(Ids.Except(_away).Select(id => flushes[id]));

        Assert.True(await AreOthersSavedAsync());
        await _node.ThawAsync();
        await Task.WhenAll(flushes.Values);
        Assert.Equal(0, (await _engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task Of_every_type_what_the_others_hold_goes_on_to_be_counted()
    {
        var options = _engine.Options with { More = static builder => builder.AddEntity<Reading>("reading") };
        await using var watching = await TestEngine.StartAsync(options);
        await _node.FreezeAsync();
        var readings = watching.Engine.Store<Reading>();
        await Task.WhenAll(
            Enumerable.Range(0, 100).Select(n => Record.ExceptionAsync(() => readings.SetAsync($"r{n}", new Reading { Count = n }))));

        using var meter = new MeterReader(watching);
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.Dirty, "reading") > 0);
        await _node.ThawAsync();
    }

    private async Task FlushAllAsync(Func<Task> fail, Func<Task> recover)
    {
        await fail();

        var report = await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(10));

        Assert.True(await AreOthersSavedAsync());
        Assert.Equal(_away.Length, report.Remaining["item"]);
        var status = await _engine.Engine.GetStatusAsync();
        Assert.False(status.Durability.Reachable);
        Assert.Equal(_away.Length, status.Types.Single(static type => type.Type == "item").Dirty);

        await recover();
        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.All(await _engine.Table.RowsAsync(), static row => Assert.Equal(2, row.Value.Quantity));
        Assert.True((await _engine.Engine.GetStatusAsync()).Durability.Reachable);
    }

    private async Task<bool> AreOthersSavedAsync()
    {
        var rows = await _engine.Table.RowsAsync();
        return Ids.Except(_away).All(id => rows[id].Quantity == 2);
    }
}
