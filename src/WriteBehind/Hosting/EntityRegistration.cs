namespace WriteBehind;

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
