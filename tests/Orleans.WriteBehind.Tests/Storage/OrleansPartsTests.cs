using Orleans.Streams;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>Orleans' own parts that store through a provider go on working when it is this one.</summary>
public sealed class OrleansPartsTests
{
    [Fact]
    public Task A_journaled_grain_that_stores_its_state_goes_on_from_it() => GoesOnAsync<ILedgerGrain>();

    [Fact]
    public Task A_journaled_grain_that_stores_events_of_several_types_goes_on_from_them() => GoesOnAsync<ILoggedLedgerGrain>();

    [Fact]
    public async Task A_stream_keeps_its_subscriptions()
    {
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            Silo = static silo => silo.AddMemoryStreams("events").AddWriteBehindGrainStorage("PubSubStore"),
        });
        var key = SharedServers.FreshName("s");
        await cluster.Grain<IListenerGrain>(key).ListenAsync();
        await cluster.Grain<IListenerGrain>(key).TellAsync(3);

        await Eventually.TrueAsync(async () => await cluster.Grain<IListenerGrain>(key).SumAsync() == 3);
        await Eventually.TrueAsync(
            async () => await cluster.Database.ScalarAsync(
                "SELECT count(*) FROM write_behind_documents WHERE type = 'grain-pubsubstore'") is > 0L);
    }

    private static async Task GoesOnAsync<TGrain>()
        where TGrain : IJournaledLedger
    {
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            Silo = static silo => silo
                .AddWriteBehindGrainStorage("carts")
                .AddStateStorageBasedLogConsistencyProvider("states")
                .AddLogStorageBasedLogConsistencyProvider("logs"),
        });
        var ledger = cluster.Grain<TGrain>("7");

        await ledger.DepositAsync(10);
        await ledger.WithdrawAsync(3, "rent");
        await ledger.EndAsync();
        Assert.Equal("7 rent", await cluster.Grain<TGrain>("7").ShowAsync());

        await ledger.DepositAsync(1);
        Assert.True((await cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        await ledger.EndAsync();
        Assert.Equal("8 rent", await cluster.Grain<TGrain>("7").ShowAsync());
        await ledger.WithdrawAsync(2, "food");
        Assert.Equal("6 food", await cluster.Grain<TGrain>("7").ShowAsync());
    }
}

public interface IListenerGrain : IGrainWithStringKey
{
    Task ListenAsync();

    Task TellAsync(int number);

    Task<int> SumAsync();
}

public sealed class ListenerGrain : Grain, IListenerGrain
{
    private int _sum;

    public Task ListenAsync() => Stream().SubscribeAsync((number, _) =>
    {
        _sum += number;
        return Task.CompletedTask;
    });

    public Task TellAsync(int number) => Stream().OnNextAsync(number);

    public Task<int> SumAsync() => Task.FromResult(_sum);

    private IAsyncStream<int> Stream()
        => this.GetStreamProvider("events").GetStream<int>(StreamId.Create("numbers", this.GetPrimaryKeyString()));
}
