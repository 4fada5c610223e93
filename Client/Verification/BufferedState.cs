namespace Client.Verification;

/// <summary>What Redis has of an entity.</summary>
/// <param name="State">Its state; null for a delete.</param>
/// <param name="Version">Its version.</param>
/// <param name="IsDirty">Whether PostgreSQL may lack it.</param>
internal readonly record struct BufferedState(StoredState? State, long Version, bool IsDirty);
