using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

/// <summary>
/// What a grain meets at the edges of the protocol: another program that raises its row, and a Redis that went back. Nothing that it
/// acknowledged vanishes without a word, and what it acknowledges afterwards reaches PostgreSQL.
/// </summary>
public sealed class GrainEdgeTests
{
    private const string Sku = "sku";

    private static readonly GrainClusterOptions Unflushed = new() { FlushDelay = GrainClusterOptions.Never };

    [Fact]
    public async Task A_grain_whose_row_another_program_raised_goes_on_from_the_row_and_its_own_state_is_in_a_letter()
    {
        await using var cluster = await GrainCluster.StartAsync(Unflushed);
        var grain = cluster.Grain<IStockGrain>(Sku);
        await grain.AddAsync(1);
        Assert.True(await grain.FlushAsync());
        await RaiseAsync(cluster);
        Assert.Equal(6, await grain.AddAsync(5));
        Assert.Equal(2, (await grain.InfoAsync()).Version);

        Assert.False(await grain.FlushAsync());

        Assert.Equal(99, await cluster.Database.QuantityAsync(Sku));
        var letter = (await cluster.Engine.DeadLetters.ShowAsync("stock", Sku))!;
        Assert.Equal((DeadLetterReason.Fenced, 2, 2), (letter.Letter.Reason, letter.Letter.Version, letter.Letter.StoredVersion));
        Assert.Equal(99, await grain.GetAsync());
        Assert.Equal(100, await grain.AddAsync(1));
        Assert.True(await grain.FlushAsync());
        Assert.Equal((100, 3), (await cluster.Database.QuantityAsync(Sku), await cluster.Database.VersionAsync(Sku)));
    }

    [Fact]
    public async Task A_grain_that_writes_through_is_told_so_by_the_call()
    {
        await using var cluster = await GrainCluster.StartAsync(Unflushed);
        var grain = cluster.Grain<IStockGrain>(Sku);
        await grain.AddAsync(1);
        Assert.True(await grain.FlushAsync());
        await RaiseAsync(cluster);

        await Assert.ThrowsAsync<WriteThroughException>(() => grain.AddThroughAsync(5));

        Assert.Equal(99, await cluster.Database.QuantityAsync(Sku));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_grain_acknowledges_after_redis_went_back_reaches_the_database(bool byAnotherSilo)
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        await using var cluster = await GrainCluster.StartAsync(Unflushed with { Redis = redis.Configuration });
        var grain = cluster.Grain<IStockGrain>(Sku);
        await grain.AddAsync(1);
        Assert.True(await grain.FlushAsync());
        var copy = await redis.CopyDataAsync();
        for (var i = 0; i < 3; i++)
        {
            await AddAsync(grain);
            await Eventually.TrueAsync(grain.FlushAsync);
        }

        Assert.Equal((4, 4), (await cluster.Database.QuantityAsync(Sku), await cluster.Database.VersionAsync(Sku)));
        await redis.RestoreDataAsync(copy);
        await using var other = byAnotherSilo ? await GrainCluster.StartAsync(cluster.Options) : null;
        var writer = (other ?? cluster).Grain<IStockGrain>(Sku);

        var acknowledged = await AddAsync(writer);
        Assert.Equal(5, acknowledged);
        await Eventually.TrueAsync(writer.FlushAsync);

        Assert.Equal((5, 5), (await cluster.Database.QuantityAsync(Sku), await cluster.Database.VersionAsync(Sku)));
        Assert.Empty(await (other ?? cluster).Engine.DeadLetters.ListAsync("stock"));
    }

    /// <summary>Until it is acknowledged: while the connection comes back nothing is sent, and that is told.</summary>
    private static async Task<long> AddAsync(IStockGrain grain)
    {
        var acknowledged = 0L;
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                acknowledged = await grain.AddAsync(1);
                return true;
            }
            catch (BufferUnavailableException e) when (!e.OutcomeUnknown)
            {
                return false;
            }
        });
        return acknowledged;
    }

    private static Task<object?> RaiseAsync(GrainCluster cluster) => cluster.Database.ScalarAsync(
        $"""UPDATE stock SET "Quantity" = 99, "Version" = "Version" + 1 WHERE "Sku" = '{Sku}'""");
}
