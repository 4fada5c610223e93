namespace WriteBehind;

/// <summary>A state with its version.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">
/// Its version: 1 with the first change, one more with each; a delete is one too. A row that was there before has its stored one, from 0.
/// Changes that share a write are stored as the last of them, so the versions of the others are never seen by anybody but their callers.
/// </param>
/// <param name="State">The state.</param>
public sealed record Entity<TState>(string Id, long Version, TState State)
    where TState : class;
