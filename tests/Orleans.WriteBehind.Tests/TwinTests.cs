using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

/// <summary>
/// Two activations of one grain that do not know of each other: as after a split, or with a silo that was declared dead and still runs.
/// </summary>
public sealed class TwinTests(UnflushedSilo one) : IClassFixture<UnflushedSilo>
{
    private readonly GrainCluster _cluster = one.Cluster;

    [Fact]
    public async Task The_twin_that_is_behind_is_refused_and_goes_on_from_the_others_state()
    {
        var sku = SharedServers.FreshName("sku");
        await using var other = await one.TwinAsync();
        var (a, b) = (_cluster.Grain<IStockGrain>(sku), other.Grain<IStockGrain>(sku));
        await a.AddAsync(10);
        Assert.Equal(11, await b.AddAsync(1));

        var error = await Assert.ThrowsAsync<WriteConflictException>(() => a.AddAsync(100));

        Assert.Equal((1, 2), (error.ExpectedVersion, error.CurrentVersion));
        Assert.Equal(11, await a.GetAsync());
        Assert.Equal(111, await a.AddAsync(100));
    }

    [Fact]
    public async Task The_twin_that_is_behind_is_refused_when_everything_was_flushed_and_only_the_fence_is_left()
    {
        var sku = SharedServers.FreshName("sku");
        await using var other = await one.TwinAsync();
        var (a, b) = (_cluster.Grain<IStockGrain>(sku), other.Grain<IStockGrain>(sku));
        await a.AddAsync(10);
        await b.AddAsync(1);
        Assert.True(await b.FlushAsync());
        Assert.Equal(2, await _cluster.Database.VersionAsync(sku));

        await Assert.ThrowsAsync<WriteConflictException>(() => a.AddAsync(100));
    }

    [Fact]
    public async Task The_twin_that_is_behind_is_refused_when_even_the_fence_has_expired()
    {
        var options = _cluster.Options with
        {
            Prefix = SharedServers.FreshName("o"),
            Entities = entity => entity.FenceTime = TimeSpan.FromMilliseconds(300),
        };
        await using var left = await GrainCluster.StartAsync(options);
        await using var right = await GrainCluster.StartAsync(options);
        var sku = SharedServers.FreshName("sku");
        var (a, b) = (left.Grain<IStockGrain>(sku), right.Grain<IStockGrain>(sku));
        await a.AddAsync(10);
        await b.AddAsync(1);
        Assert.True(await b.FlushAsync());
        var redis = await SharedServers.RedisAsync();
        await Eventually.TrueAsync(
            async () => await redis.SendAsync("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", $"{options.Prefix}:*:f:{sku}") == "0");

        await Assert.ThrowsAsync<WriteConflictException>(() => a.AddAsync(100));
        Assert.Equal(12, await b.AddAsync(1));
    }

    [Fact]
    public async Task The_twin_that_is_behind_goes_on_from_the_others_state_once_its_own_flush_has_found_it()
    {
        var sku = SharedServers.FreshName("sku");
        await using var other = await one.TwinAsync();
        var (a, b) = (_cluster.Grain<IStockGrain>(sku), other.Grain<IStockGrain>(sku));
        await a.AddAsync(10);
        await b.AddAsync(1);
        Assert.True(await b.FlushAsync());

        Assert.False(await a.FlushAsync());

        Assert.Equal(11, await a.GetAsync());
        Assert.Equal(111, await a.AddAsync(100));
    }

    [Fact]
    public async Task A_twin_that_believes_there_is_nothing_can_not_delete_what_the_other_made()
    {
        var sku = SharedServers.FreshName("sku");
        await using var other = await one.TwinAsync();
        var (a, b) = (_cluster.Grain<IStockGrain>(sku), other.Grain<IStockGrain>(sku));
        Assert.Equal(0, await a.GetAsync());
        await b.AddAsync(1);

        await Assert.ThrowsAsync<WriteConflictException>(() => a.DeleteAsync());
        Assert.Equal(1, await a.GetAsync());
    }

    // orleans 5687, 6857, 8658: the old silo was still writing when the grain was active on the new one.
    [Fact]
    public async Task A_late_flush_of_the_old_owner_does_not_undo_what_the_new_one_wrote()
    {
        var sku = SharedServers.FreshName("sku");
        await using var other = await one.TwinAsync();
        var (old, now) = (_cluster.Grain<IStockGrain>(sku), other.Grain<IStockGrain>(sku));
        using var late = _cluster.Gate.HoldAt(ProtocolStep.Claimed, id: sku);
        await old.AddAsync(10);
        var flush = old.FlushAsync();
        await late.ReachedAsync();

        Assert.Equal(10, await now.GetAsync());
        Assert.Equal(15, await now.AddAsync(5));
        late.Release();
        await flush;

        await Eventually.TrueAsync(now.FlushAsync);
        Assert.Equal(15, await _cluster.Database.QuantityAsync(sku));
        await Assert.ThrowsAsync<WriteConflictException>(() => old.AddAsync(100));
        Assert.Equal(15, (await _cluster.Engine.Store<Stock>("stock").GetAsync(sku))!.State.Quantity);
    }
}
