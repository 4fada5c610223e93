namespace WriteBehind;

/// <summary>What can be wrong with a payload.</summary>
public enum PayloadProblem
{
    /// <summary>The state can't be serialised (a cycle, NaN or infinity, an unsupported member). Nothing was written.</summary>
    NotSerializable,

    /// <summary>The serialised state is longer than <see cref="EntityTypeOptions.MaxPayloadBytes"/>. Nothing was written.</summary>
    TooLarge,

    /// <summary>The stored bytes are not a payload of this library, or their content can't be read.</summary>
    Unreadable,

    /// <summary>The stored payload was written by a newer release of the application. A process of that release can read it.</summary>
    NewerSchema,
}
