using Orleans.Concurrency;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>No grain of the provider's: any silo may have some.</summary>
[StatelessWorker]
public sealed class WorkerGrain : Grain, IWorkerGrain
{
    public Task<int> SquareAsync(int number) => Task.FromResult(number * number);
}
