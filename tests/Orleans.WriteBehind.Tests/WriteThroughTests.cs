using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class WriteThroughTests
{
    [Fact]
    public async Task A_grain_chooses_per_call_whether_postgresql_has_a_change_when_it_is_acknowledged()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { FlushDelay = GrainClusterOptions.Never });
        var sku = SharedServers.FreshName("sku");
        var grain = cluster.Grain<IStockGrain>(sku);

        await grain.AddAsync(5);
        Assert.Null(await cluster.Database.QuantityAsync(sku));
        Assert.Equal(7, await grain.AddThroughAsync(2));
        Assert.Equal(7, await cluster.Database.QuantityAsync(sku));
        var info = await grain.InfoAsync();
        Assert.False(info.IsDirty);
        Assert.False(info.HasTimer);
    }

    [Fact]
    public async Task With_the_type_written_through_every_save_is_in_postgresql_when_it_is_acknowledged()
    {
        await using var cluster = await GrainCluster.StartAsync(
            new() { FlushDelay = GrainClusterOptions.Never, Entities = static entity => entity.WriteStrategy = WriteStrategy.Through });
        var sku = SharedServers.FreshName("sku");
        var grain = cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(5);
        Assert.Equal(5, await cluster.Database.QuantityAsync(sku));
        await grain.DeleteAsync();
        Assert.Null(await cluster.Database.QuantityAsync(sku));
    }

    [Fact]
    public async Task Where_postgresql_is_away_the_caller_is_told_that_the_change_is_buffered_and_the_grain_goes_on_from_it()
    {
        await using var cluster = await GrainCluster.StartAsync(
            new() { Entities = static entity => entity.WriteThroughTimeout = TimeSpan.FromMilliseconds(500) });
        var sku = SharedServers.FreshName("sku");
        var grain = cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(1);
        await Eventually.TrueAsync(async () => await cluster.Database.QuantityAsync(sku) == 1);

        cluster.Sink.IsAway = true;
        var error = await Assert.ThrowsAsync<WriteThroughException>(() => grain.AddThroughAsync(1));
        Assert.Contains("buffered in Redis", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, await grain.GetAsync());
        Assert.Equal(3, await grain.AddAsync(1));

        cluster.Sink.IsAway = false;
        await Eventually.TrueAsync(async () => await cluster.Database.QuantityAsync(sku) == 3);
    }
}
