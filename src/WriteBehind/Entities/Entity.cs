namespace WriteBehind;

/// <summary>A state with its version.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">Its version: 1 with the first write, one more with each. A row that was there before has its stored one, from 0.</param>
/// <param name="State">The state.</param>
public sealed record Entity<TState>(string Id, long Version, TState State)
    where TState : class;
