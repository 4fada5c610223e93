namespace WriteBehind.Entities;

/// <summary>What a caller wants done to an entity.</summary>
internal enum ChangeKind
{
    /// <summary>Put a state in its place, whatever is there.</summary>
    Set,

    /// <summary>Work out a new state from the present one.</summary>
    Update,

    /// <summary>Remove it, where it is there.</summary>
    Delete,
}
