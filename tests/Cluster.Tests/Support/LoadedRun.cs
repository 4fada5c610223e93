using Client.Cluster;
using Client.Verification;
using Orleans.WriteBehind;
using Proof.Workload;
using Silo.Contracts;
using WriteBehind;
using WriteBehind.TestTools;

namespace Cluster.Tests.Support;

/// <summary>A load on the cluster, with a ledger of what was acknowledged, and the judgement in the end.</summary>
internal sealed class LoadedRun : IAsyncDisposable
{
    private const int Products = 60;
    private const int StockCallers = 12;
    private const int ViewCallers = 4;

    /// <summary>Generous: only failing tests ever use it up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly RunningCluster _cluster;
    private readonly CancellationTokenSource _stop = new();
    private readonly FreshWorkload _stock;
    private readonly EntityLoad[] _loads;
    private readonly Task _running;

    /// <param name="cluster">The cluster.</param>
    /// <param name="seed">Makes the same writes again.</param>
    /// <param name="repeats">Whether callers repeat what was not answered, under one id, until it is.</param>
    public LoadedRun(RunningCluster cluster, int seed, bool repeats = false)
    {
        _cluster = cluster;
        var name = SharedServers.FreshName("run");
        _stock = new(new SkewedWorkload(long.MaxValue, Products, seed), name);
        _loads =
        [
            new(
                EntityKinds.Stock,
                "SELECT id, quantity, movements FROM shop.stock",
                _stock,
                StockCallers,
                async (id, amount) => (await CallAsync(
                    cluster.LoadedGrains.GetGrain<IStockGrain>(id), stock => stock.BookAsync(amount), repeats)).Movements),
            new(
                EntityKinds.Views,
                "SELECT page, count, count FROM shop.views", // Each change is one view.
                new OnePage(name),
                ViewCallers,
                (id, count) => CallAsync(cluster.LoadedGrains.GetGrain<IViewsGrain>(id), views => views.AddAsync(count), repeats)),
        ];
        _running = Task.WhenAll(_loads.Select(load => load.RunAsync(_stop.Token)));
    }

    public long Acknowledged => _loads.Sum(load => load.Acknowledged);

    /// <summary>All that callers were told of so far.</summary>
    public IEnumerable<Exception> Failures => _loads.SelectMany(load => load.Failures);

    /// <summary>Waits until so many more writes were acknowledged.</summary>
    public async Task WriteMoreAsync(int count)
    {
        var wanted = Acknowledged + count;
        await Eventually.TrueAsync(() => Acknowledged >= wanted, Patience, $"{count} more writes are acknowledged");
    }

    /// <summary>Waits until some of the stock is active on a silo; returns it.</summary>
    public async Task<IReadOnlyList<IStockGrain>> FindStockOnAsync(Member member)
    {
        var grains = _stock.Ids.Select(id => _cluster.Grains.GetGrain<IStockGrain>(id)).ToList();
        var silos = _cluster.Grains.GetGrain<IManagementGrain>(0);
        List<IStockGrain> found = [];
        await Eventually.TrueAsync(
            async () =>
            {
                var addresses = await Task.WhenAll(grains.Select(grain => silos.GetActivationAddress(grain).AsTask()));
                found = [.. grains.Where((_, i) => addresses[i] is { } silo && member.Owns(silo.ToString()))];
                return found.Count > 0;
            },
            Patience,
            $"{member.Name} holds some of the stock");
        return found;
    }

    /// <summary>Ends the load, waits until nothing is dirty any more, and looks whether all is as it was promised.</summary>
    /// <param name="isExpected">Whether an error in the silos' logs was to be.</param>
    public async Task FinishAsync(Func<LogEntry, bool> isExpected)
    {
        await StopAsync();
        await WaitUntilCleanAsync();

        foreach (var load in _loads)
        {
            await load.AssertNothingLostAsync(_cluster);
        }

        Assert.Empty(await VersionAudit.ReadAsync(_cluster.Postgres));

        var strange = Failures.Where(error => !Errors.IsOfCall(error)).Select(error => error.ToString()).Distinct().ToList();
        Assert.True(strange.Count == 0, $"Callers saw errors that are not typed:\n{string.Join('\n', strange)}");
        var unexpected = _cluster.Members.SelectMany(member => member.TakeErrors()).Where(entry => !isExpected(entry)).ToList();
        Assert.True(unexpected.Count == 0, $"Silos logged errors:\n{string.Join('\n', unexpected)}");
    }

    private static Task<T> CallAsync<TGrain, T>(TGrain grain, Func<TGrain, Task<T>> call, bool repeats)
        where TGrain : IGrain
        => repeats ? grain.CallAsync(OperationId.New(), call) : call(grain);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    // Nobody asks for a flush: what a silo left behind has to be found and saved by the others.
    private Task WaitUntilCleanAsync() => Eventually.TrueAsync(
        async () => (await _cluster.Operator.GetStatusAsync()).Types is { Count: > 0 } types
            && types.All(type => type is { Dirty: 0, DeadLetters: 0 }),
        Patience,
        "everything is flushed");
}
