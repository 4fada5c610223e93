using WriteBehind.Buffer;

namespace WriteBehind.Entities;

/// <summary>An entity as it was loaded, with the knowledge a write on top of it needs.</summary>
/// <param name="Known">The current version, stamped.</param>
/// <param name="State">The state; null where there is none.</param>
/// <param name="FromDatabase">Whether Redis did not have it.</param>
/// <param name="IsClean">Whether the database has it.</param>
internal readonly record struct LoadedEntity<TState>(Knowledge Known, TState? State, bool FromDatabase, bool IsClean = false)
    where TState : class;
