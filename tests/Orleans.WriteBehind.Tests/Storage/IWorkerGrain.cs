namespace Orleans.WriteBehind.Tests.Storage;

public interface IWorkerGrain : IGrainWithIntegerKey
{
    Task<int> SquareAsync(int number);
}
