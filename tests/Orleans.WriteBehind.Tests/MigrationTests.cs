using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class MigrationTests(TwoSilos two) : IClassFixture<TwoSilos>
{
    private readonly GrainCluster _cluster = two.Cluster;

    [Fact]
    public async Task A_grain_that_migrates_takes_its_dirtiness_along_and_does_not_flush_on_the_way()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { Silos = 2, FlushDelay = GrainClusterOptions.Never });
        var grain = cluster.Grain<IStockGrain>("sku");
        await grain.AddAsync(3);

        await MigrateAsync(cluster, grain);

        Assert.True(await grain.InfoAsync() is { IsDirty: true, HasTimer: true, Version: 1 });
        Assert.Empty(cluster.Sink.Batches);
        Assert.True(await grain.FlushAsync());
        Assert.Equal(3, await cluster.Database.QuantityAsync("sku"));
    }

    // hazelcast 2096: put, then delete on another member; the put was flushed last.
    [Fact]
    public async Task A_delete_after_the_grain_has_moved_leaves_no_row()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(3);
        await MigrateAsync(_cluster, grain);

        await grain.DeleteAsync();

        await Eventually.TrueAsync(async () => await grain.InfoAsync() is { IsDirty: false, Version: 2 });
        Assert.Null(await _cluster.Database.QuantityAsync(sku));
        Assert.Equal(0, await grain.GetAsync());
    }

    // hazelcast 12455, 5339: a read after a move gave the older row.
    [Fact]
    public async Task A_dirty_entity_whose_activation_moved_or_was_collected_shows_its_latest_state()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(3);
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 3);
        _cluster.Sink.IsAway = true;
        try
        {
            await grain.AddAsync(4);
            await MigrateAsync(_cluster, grain);
            Assert.Equal(7, await grain.GetAsync());

            var before = await grain.InfoAsync();
            await grain.DeactivateAsync();
            await Eventually.TrueAsync(async () => (await grain.InfoAsync()).Activation != before.Activation);
            Assert.Equal(7, await grain.GetAsync());
            Assert.Equal(3, await _cluster.Database.QuantityAsync(sku));
        }
        finally
        {
            _cluster.Sink.IsAway = false;
        }

        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 7);
    }

    // hazelcast 5339, 5368: a deleted entry was read back from the database before its delete was flushed.
    [Fact]
    public async Task An_unflushed_delete_reads_as_absent_wherever_the_grain_is()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(3);
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 3);
        _cluster.Sink.IsAway = true;
        try
        {
            await grain.DeleteAsync();
            await MigrateAsync(_cluster, grain);

            Assert.False((await grain.InfoAsync()).Exists);
            Assert.Equal(3, await _cluster.Database.QuantityAsync(sku));
        }
        finally
        {
            _cluster.Sink.IsAway = false;
        }

        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) is null);
    }

    private static async Task MigrateAsync(GrainCluster cluster, IStockGrain grain)
    {
        var from = await grain.InfoAsync();
        var to = cluster.Cluster.Silos.First(silo => !from.Silo.Contains(silo.SiloAddress.ToString(), StringComparison.Ordinal));
        await grain.MigrateAsync(to.SiloAddress);
        await Eventually.TrueAsync(
            async () => (await grain.InfoAsync()).Silo is var now && now.Contains(to.SiloAddress.ToString(), StringComparison.Ordinal));
    }
}
