using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

/// <summary>Grains whose code is run by timers and streams go on after a failed save as those do that are called.</summary>
public sealed class RuntimeCallTests
{
    [Fact]
    public async Task A_timer_goes_on_from_what_was_acknowledged_after_its_save_failed()
    {
        await using var cluster = await GrainCluster.StartAsync();
        var sku = SharedServers.FreshName("sku");
        await cluster.Grain<IMeterGrain>(sku).StartTimerAsync();
        await Eventually.TrueAsync(async () => await QuantityAsync(cluster, sku) > 2);

        await SetAsync(cluster, sku, 1_000_000);

        await Eventually.TrueAsync(async () => await QuantityAsync(cluster, sku) > 1_000_002);
    }

    [Fact]
    public async Task What_a_stream_brings_is_added_to_what_was_acknowledged_after_a_save_failed()
    {
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            Silo = static silo => silo.AddMemoryStreams(MeterGrain.Provider).AddMemoryGrainStorage("PubSubStore"),
        });
        var (from, to) = (cluster.Grain<IMeterGrain>(SharedServers.FreshName("from")), SharedServers.FreshName("to"));
        await from.SendAsync(to, 1);
        await Eventually.TrueAsync(async () => await QuantityAsync(cluster, to) == 1);

        await SetAsync(cluster, to, 1_000);
        await from.SendAsync(to, 10);

        // Its first delivery meets the other's change. Whether the stream delivers it once more is the stream's business; the next one
        // counts.
        await Eventually.TrueAsync(async () =>
        {
            await from.SendAsync(to, 100);
            return await QuantityAsync(cluster, to) >= 1_100;
        });
    }

    private static async Task<long> QuantityAsync(GrainCluster cluster, string sku)
        => (await cluster.Engine.Store<Stock>("stock").GetAsync(sku))?.State.Quantity ?? 0;

    /// <summary>Writes beside the grain, as another program would.</summary>
    private static Task<long> SetAsync(GrainCluster cluster, string sku, long quantity)
        => cluster.Engine.Store<Stock>("stock").SetAsync(sku, new Stock { Quantity = quantity });
}
