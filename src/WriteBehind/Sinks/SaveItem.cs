namespace WriteBehind.Sinks;

/// <summary>One entity to bring to the database.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version of this state; a row is touched only where its stored version is smaller.</param>
/// <param name="State">The state; null for a delete.</param>
public readonly record struct SaveItem<TState>(string Id, long Version, TState? State)
    where TState : class
{
    /// <summary>True where the row is to be deleted (a tombstone).</summary>
    public bool IsDelete => State is null;
}
