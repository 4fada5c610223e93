namespace WriteBehind.Benchmarks.Savers;

/// <summary>Rows that are ready to be saved.</summary>
/// <param name="Batches">Each entry one batch: how many rows it has, and what saves it.</param>
internal sealed record Prepared(IReadOnlyList<(int Rows, Func<Task> Save)> Batches) : IAsyncDisposable
{
    /// <summary>What was opened for it, in order.</summary>
    public IReadOnlyList<IAsyncDisposable> Opened { get; init; } = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var opened in Opened.Reverse())
        {
            await opened.DisposeAsync();
        }
    }
}
