namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>Shorter ways to call a sink.</summary>
internal static class SinkCalls
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>Puts one state and returns what became of it.</summary>
    public static async Task<SaveResult> PutAsync<TState>(this IEntitySink<TState> sink, string id, long version, TState state)
        where TState : class
        => (await sink.SaveAsync(new SaveItem<TState>(id, version, state))).Single();

    /// <summary>Deletes one row and returns what became of it.</summary>
    public static async Task<SaveResult> DeleteAsync<TState>(this IEntitySink<TState> sink, string id, long version)
        where TState : class
        => (await sink.SaveAsync(new SaveItem<TState>(id, version, null))).Single();

    /// <summary>Saves a batch with a lease that has just begun.</summary>
    public static async Task<SaveResult[]> SaveAsync<TState>(this IEntitySink<TState> sink, params SaveItem<TState>[] items)
        where TState : class
        => await sink.SaveAsync(items, await sink.DeadlineAsync(Lease), TimeSpan.FromSeconds(10), CancellationToken.None);

    /// <summary>The moment that is this far away by the database's clock.</summary>
    public static async Task<DateTimeOffset> DeadlineAsync<TState>(this IEntitySink<TState> sink, TimeSpan left)
        where TState : class
        => (await sink.ReadClockAsync(CancellationToken.None)).At + left;

    /// <summary>The row of an id; null where there is none.</summary>
    public static async Task<StoredRow<TState>?> FindAsync<TState>(this IEntitySink<TState> sink, string id)
        where TState : class
        => (await sink.LoadAsync([id], CancellationToken.None)) is [var row] ? row : null;
}
