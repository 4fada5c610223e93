namespace Orleans.WriteBehind.Storage;

/// <summary>One state of one grain, whatever it is kept as.</summary>
internal interface IStateSession<T>
{
    long Version { get; }

    bool IsLoaded { get; }

    /// <summary>Loads the state; false where there is none.</summary>
    Task<(bool Exists, T? State)> LoadAsync();

    void Assume(long version, bool exists);

    Task SaveAsync(T state);

    Task DeleteAsync();

    /// <summary>Where the type's strategy is write-through: returns once PostgreSQL has what was saved or deleted.</summary>
    Task FinishAsync();
}
