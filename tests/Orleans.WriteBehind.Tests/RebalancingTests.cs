using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Placement.Rebalancing;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class RebalancingTests
{
    private const int Grains = 200;

#pragma warning disable ORLEANSEXP002 // Rebalancing is still called an experiment by Orleans; who turns it on must not lose anything.
    [Fact]
    public async Task Grains_that_orleans_rebalances_while_they_are_written_lose_nothing()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { Silos = 2, Silo = Rebalance });
        var (full, empty) = (cluster.Cluster.Silos[0].SiloAddress, cluster.Cluster.Silos[1].SiloAddress);
        var rebalancer = cluster.Cluster.Silos[0].ServiceProvider.GetRequiredService<IActivationRebalancer>();
        await rebalancer.SuspendRebalancing();
        var prefix = SharedServers.FreshName("rebalanced") + "-";
        var grains = Enumerable.Range(0, Grains).Select(i => cluster.Grain<IStockGrain>($"{prefix}{i}")).ToArray();
        await Task.WhenAll(grains.Select(grain => grain.AddAsync(1)));
        await Eventually.TrueAsync(async () =>
        {
            // A place that is asked for is a wish to Orleans, which it grants to most and not to all.
            await Task.WhenAll(grains.Select(grain => grain.MigrateAsync(full)));
            return await CountOnAsync(grains, empty) < Grains / 10;
        });
        await rebalancer.ResumeRebalancing();

        var written = 1L;
        await Eventually.TrueAsync(
            async () =>
            {
                await Task.WhenAll(grains.Select(grain => grain.AddAsync(1)));
                written++;
                return await CountOnAsync(grains, empty) > Grains / 4;
            },
            TimeSpan.FromMinutes(1),
            "Orleans moves grains to the silo that has few");

        Assert.All(await Task.WhenAll(grains.Select(grain => grain.GetAsync())), quantity => Assert.Equal(written, quantity));
        var count = $"""SELECT count(*) FROM stock WHERE "Sku" LIKE '{prefix}%' AND "Quantity" = {written} AND "Version" = {written}""";
        await Eventually.TrueAsync(async () => (long)(await cluster.Database.ScalarAsync(count))! == Grains);
    }

    // Faster than anybody would in production, so that the test need not wait for minutes.
    private static void Rebalance(ISiloBuilder silo)
    {
        silo.Services.Configure<DeploymentLoadPublisherOptions>(
            static options => options.DeploymentLoadPublisherRefreshTime = TimeSpan.FromMilliseconds(250));
        silo.Services.Configure<ActivationRebalancerOptions>(static options =>
        {
            options.RebalancerDueTime = TimeSpan.FromSeconds(1);
            options.SessionCyclePeriod = TimeSpan.FromSeconds(1);
        });
        silo.AddActivationRebalancer();
#pragma warning restore ORLEANSEXP002
    }

    private static async Task<int> CountOnAsync(IEnumerable<IStockGrain> grains, SiloAddress silo)
        => (await Task.WhenAll(grains.Select(grain => grain.InfoAsync()))).Count(
            info => info.Silo.Contains(silo.ToString(), StringComparison.Ordinal));
}
