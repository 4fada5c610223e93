namespace WriteBehind.Sinks;

/// <summary>A row found in the database.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version stored with the row.</param>
/// <param name="State">The state read from the row.</param>
public readonly record struct StoredRow<TState>(string Id, long Version, TState State)
    where TState : class;
