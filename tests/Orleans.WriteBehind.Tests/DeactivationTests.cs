using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

/// <summary>Nothing flushes in these clusters but what a deactivation flushes: timers, sweep and drain are far away or off.</summary>
public sealed class DeactivationTests
{
    private static readonly GrainClusterOptions OnlyDeactivation = new() { FlushDelay = GrainClusterOptions.Never };

    [Theory]
    [InlineData(DeactivationReasonCode.ActivationIdle)]
    [InlineData(DeactivationReasonCode.ShuttingDown)]
    [InlineData(DeactivationReasonCode.ApplicationRequested)]
    [InlineData(DeactivationReasonCode.RuntimeRequested)]
    [InlineData(DeactivationReasonCode.HighMemoryPressure)]
    public async Task An_activation_that_ends_in_order_flushes(DeactivationReasonCode reason)
    {
        await using var cluster = await GrainCluster.StartAsync(OnlyDeactivation);
        var grain = cluster.Grain<IStockGrain>("sku");
        await grain.AddAsync(3);

        await grain.DeactivateAsync(reason);

        await Eventually.TrueAsync(async () => await cluster.Database.QuantityAsync("sku") == 3);
        Assert.Equal(3, await grain.GetAsync());
    }

    [Theory]
    [InlineData(DeactivationReasonCode.DuplicateActivation)]
    [InlineData(DeactivationReasonCode.DirectoryFailure)]
    [InlineData(DeactivationReasonCode.ApplicationError)]
    [InlineData(DeactivationReasonCode.IncompatibleRequest)]
    [InlineData(DeactivationReasonCode.ActivationUnresponsive)]
    public async Task An_activation_that_has_lost_its_place_leaves_the_flush_to_the_next_one(DeactivationReasonCode reason)
    {
        await using var cluster = await GrainCluster.StartAsync(OnlyDeactivation);
        var grain = cluster.Grain<IStockGrain>("sku");
        await grain.AddAsync(3);
        var before = await grain.InfoAsync();

        await grain.DeactivateAsync(reason);
        await Eventually.TrueAsync(async () => (await grain.InfoAsync()).Activation != before.Activation);

        Assert.Empty(cluster.Sink.Batches);
        Assert.True(await grain.InfoAsync() is { IsDirty: true, HasTimer: true, Version: 1 });
    }

    [Fact]
    public async Task Idle_collection_flushes()
    {
        await using var cluster = await GrainCluster.StartAsync(OnlyDeactivation);
        await cluster.Grain<IStockGrain>("sku").AddAsync(3);

        await cluster.Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);

        await Eventually.TrueAsync(async () => await cluster.Database.QuantityAsync("sku") == 3);
    }

    [Fact]
    public async Task A_silo_that_stops_flushes_its_grains_in_few_batches()
    {
        const int Grains = 2_000;
        await using var cluster = await GrainCluster.StartAsync(
            OnlyDeactivation with { Grains = grains => grains.FlushTimeout = TimeSpan.FromSeconds(25) });
        await Task.WhenAll(Enumerable.Range(0, Grains).Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(1)));

        await cluster.Cluster.StopSiloAsync(cluster.Cluster.Silos[0]);

        Assert.Equal(Grains, await cluster.Database.CountAsync("sku"));
        Assert.InRange(cluster.Sink.Batches.Count, 1, Grains / 20);
    }

    [Fact]
    public async Task The_drain_of_the_engine_runs_after_the_last_grain_and_gets_what_the_grains_did_not_flush()
    {
        await using var cluster = await GrainCluster.StartAsync(OnlyDeactivation with
        {
            Engine = engine => engine.DrainTimeout = TimeSpan.FromSeconds(20),
        });
        await cluster.Grain<ILastWordsGrain>("sku").AddAsync(1);

        await cluster.Cluster.StopSiloAsync(cluster.Cluster.Silos[0]);

        Assert.Equal(42, await cluster.Database.QuantityAsync("sku"));
    }

    // orleans 9655: state kept dirty in grains was gone after a shutdown.
    [Fact]
    public async Task Ten_thousand_dirty_grains_and_a_database_that_is_away_at_the_stop_of_all_silos_lose_nothing()
    {
        const int Grains = 10_000;
        GrainClusterOptions service;
        await using (var cluster = await GrainCluster.StartAsync(new() { Silos = 2, FlushDelay = TimeSpan.FromSeconds(2) }))
        {
            service = cluster.Options;
            foreach (var part in Enumerable.Range(0, Grains).Chunk(1_000))
            {
                await Task.WhenAll(part.Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(i + 1)));
            }

            cluster.Sink.IsAway = true;
            foreach (var part in Enumerable.Range(0, Grains).Chunk(1_000))
            {
                await Task.WhenAll(part.Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(1)));
            }

            await cluster.Cluster.StopAllSilosAsync();
        }

        await using var later = await GrainCluster.StartAsync(service with { Silos = 1, MaxAge = TimeSpan.FromSeconds(2) });
        await Eventually.TrueAsync(
            async () => await later.Database.ScalarAsync("""SELECT sum("Quantity") FROM stock""") is decimal sum && sum == Sum(Grains),
            TimeSpan.FromSeconds(60));
        Assert.Equal(Grains, await later.Database.CountAsync("sku"));
    }

    /// <summary>Each grain i got i + 1, and 1 more while the database was away.</summary>
    private static decimal Sum(int grains) => ((decimal)grains * (grains + 1) / 2) + grains;
}
