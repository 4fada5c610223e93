using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>This project's sink, with all its guards, from states to outcomes.</summary>
internal sealed class SinkSaver(IEntitySink<Product> sink) : IRowSaver
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public string Name => $"{ContenderNames.Own}'s sink";

    public Task<Prepared> PrepareAsync(RowSet rows, int batchSize)
        => Task.FromResult(new Prepared([.. rows.Products.Chunk(batchSize).Select(chunk =>
        {
            var items = Array.ConvertAll(chunk, product => new SaveItem<Product>(product.Id, RowSet.Version, product));
            return (chunk.Length, (Func<Task>)(() => SaveAsync(items)));
        })]));

    private async Task SaveAsync(SaveItem<Product>[] items)
    {
        var results = await sink.SaveAsync(items, DateTimeOffset.UtcNow.AddMinutes(1), Timeout, CancellationToken.None);
        if (Array.Exists(results, result => result.Outcome != SaveOutcome.Applied))
        {
            throw new InvalidOperationException("Not all rows were written.");
        }
    }
}
