using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>The registration of an entity type with its state type.</summary>
internal sealed class EntityRegistration<TState> : IEntityRegistration
    where TState : class
{
    public EntityRegistration(string type, Action<EntityTypeOptions<TState>>? configure)
    {
        Typed = new EntityTypeOptions<TState>(type);
        configure?.Invoke(Typed);
    }

    public string Type => Typed.Type;

    public EntityTypeOptions Options => Typed;

    private EntityTypeOptions<TState> Typed { get; }

    public ITypeEngine Build(EngineParts parts) => new TypeEngine<TState>(Typed, parts);
}

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

/// <summary>Stands where no sink was chosen, and says so.</summary>
internal sealed class MissingSinkFactory : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => throw new ConfigurationException(
            "UseSink",
            "No sink is registered: call UseEntityFramework<TContext>() (package WriteBehind.EntityFrameworkCore), or UseSink with your " +
            "own.",
            options.Type);
}
