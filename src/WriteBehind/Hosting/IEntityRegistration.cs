namespace WriteBehind;

/// <summary>An entity type as it was registered, before its state type is known to the engine.</summary>
internal interface IEntityRegistration
{
    /// <summary>The registered name.</summary>
    string Type { get; }

    /// <summary>The settings, for validation.</summary>
    EntityTypeOptions Options { get; }

    /// <summary>Puts together what serves the type.</summary>
    ITypeEngine Build(EngineParts parts);
}
