using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class TimerTests(OneSilo one) : IClassFixture<OneSilo>
{
    private readonly GrainCluster _cluster = one.Cluster;

    [Fact]
    public async Task The_first_unflushed_write_arms_the_timer_and_a_clean_grain_has_none()
    {
        var grain = _cluster.Grain<IStockGrain>(SharedServers.FreshName("sku"));
        await grain.GetAsync();
        Assert.False((await grain.InfoAsync()).HasTimer);

        _cluster.Sink.IsAway = true;
        await grain.AddAsync(1);
        var dirty = await grain.InfoAsync();
        _cluster.Sink.IsAway = false;

        Assert.True(dirty is { HasTimer: true, IsDirty: true });
        await Eventually.TrueAsync(async () => await grain.InfoAsync() is { HasTimer: false, IsDirty: false });
    }

    [Fact]
    public async Task A_write_that_comes_during_the_flush_keeps_the_timer()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeSettle, id: sku);
        await grain.AddAsync(1);
        await held.ReachedAsync();

        await grain.AddAsync(1);
        held.Release();

        await Eventually.TrueAsync(async () => await _cluster.Database.VersionAsync(sku) == 2);
        await Eventually.TrueAsync(async () => await grain.InfoAsync() is { HasTimer: false, IsDirty: false });
    }

    [Fact]
    public async Task Calls_go_on_while_a_flush_is_under_way()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        using var held = _cluster.Gate.HoldAt(ProtocolStep.Saved, id: sku);
        await grain.AddAsync(1);
        await held.ReachedAsync();

        Assert.Equal(2, await grain.AddAsync(1));
    }

    // hazelcast 3338: a periodic flush and a flush on demand of one key ran into each other.
    [Fact]
    public async Task A_timer_and_a_flush_on_demand_never_save_one_entity_at_once()
    {
        var grain = _cluster.Grain<IStockGrain>(SharedServers.FreshName("sku"));
        for (var i = 0; i < 200; i++)
        {
            await grain.AddAsync(1);
            await grain.FlushAsync();
        }

        await Eventually.TrueAsync(async () => !(await grain.InfoAsync()).IsDirty);
        Assert.Equal(1, _cluster.Sink.MostConcurrentSavesOfOne);
    }

    [Fact]
    public async Task An_entity_that_the_database_rejects_does_not_keep_the_timer_and_is_flushed_when_it_is_mended()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(-5);
        await Eventually.TrueAsync(async () => !(await grain.InfoAsync()).HasTimer);
        Assert.Null(await _cluster.Database.QuantityAsync(sku));

        await grain.AddAsync(6);

        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 1);
    }

    [Fact]
    public async Task A_thousand_grains_that_are_written_within_a_second_reach_the_database_in_few_transactions()
    {
        const int Grains = 1_000;
        await using var cluster = await GrainCluster.StartAsync(new() { FlushDelay = TimeSpan.FromSeconds(1) });
        foreach (var some in Enumerable.Range(0, Grains).Chunk(20))
        {
            await Task.WhenAll(some.Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(1)));
        }

        await Eventually.TrueAsync(async () => await cluster.Database.CountAsync("sku") == Grains);

        Assert.InRange(Grains / cluster.Sink.Batches.Count, 30, Grains);
    }

    // orleans 8647: ten thousand activations, one thundering herd.
    [Fact]
    public async Task Ten_thousand_grains_that_are_activated_at_once_share_batches_and_loads_within_the_limit_of_connections()
    {
        const int Grains = 10_000;
        var prefix = SharedServers.FreshName("herd") + "-";
        var (batches, loads) = (_cluster.Sink.Batches.Count, _cluster.Sink.Loads.Count);

        await Task.WhenAll(Enumerable.Range(0, Grains).Select(i => _cluster.Grain<IStockGrain>($"{prefix}{i}").AddAsync(1)));
        await Eventually.TrueAsync(async () => await _cluster.Database.CountAsync(prefix) == Grains);

        Assert.InRange(_cluster.Sink.Batches.Count - batches, 1, Grains / 10);
        Assert.InRange(_cluster.Sink.Loads.Count - loads, 1, Grains / 4);

        // MaxConcurrentFlushes and MaxConcurrentLoads are 4 each, and a flush may read the database's clock beside.
        Assert.InRange(_cluster.Sink.MostConcurrentCalls, 1, 4 + 4);
    }
}
