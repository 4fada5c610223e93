namespace WriteBehind.Benchmarks.Savers;

/// <summary>A way to save rows that are there already, or not.</summary>
internal interface IRowSaver
{
    string Name { get; }

    /// <summary>Gets ready what a caller would have at hand: states, arrays, an open connection.</summary>
    Task<Prepared> PrepareAsync(RowSet rows, int batchSize);
}
