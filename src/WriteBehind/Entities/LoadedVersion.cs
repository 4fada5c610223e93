using WriteBehind.Buffer;

namespace WriteBehind.Entities;

/// <summary>What a put or delete needs to know of an entity: everything but its state.</summary>
/// <param name="Known">The current version, stamped.</param>
/// <param name="Exists">Whether there is a state.</param>
/// <param name="FromDatabase">Whether Redis did not have it.</param>
internal readonly record struct LoadedVersion(Knowledge Known, bool Exists, bool FromDatabase);
