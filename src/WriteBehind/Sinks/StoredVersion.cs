namespace WriteBehind.Sinks;

/// <summary>The version of a row found in the database, without its content.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version stored with the row.</param>
public readonly record struct StoredVersion(string Id, long Version);
