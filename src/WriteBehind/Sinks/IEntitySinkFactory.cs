namespace WriteBehind.Sinks;

/// <summary>Makes the sink of an entity type; one is registered per engine.</summary>
public interface IEntitySinkFactory
{
    /// <summary>Makes the sink.</summary>
    /// <exception cref="ConfigurationException">The state type can't be mapped; the message says why and what to change.</exception>
    IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class;
}
