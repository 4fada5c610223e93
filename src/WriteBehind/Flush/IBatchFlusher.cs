namespace WriteBehind.Flush;

/// <summary>A <see cref="BatchFlusher{TState}"/> for those who need not know the state type.</summary>
internal interface IBatchFlusher
{
    /// <inheritdoc cref="BatchFlusher{TState}.FlushAsync" />
    Task<FlushResult[]> FlushAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);
}
