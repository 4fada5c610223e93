using WriteBehind.Sinks;

namespace WriteBehind;

/// <summary>Stands where no sink was chosen, and says so.</summary>
internal sealed class MissingSinkFactory : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => throw new ConfigurationException(
            "UseSink", "No sink is registered: call UseEntityFramework<TContext>() (package WriteBehind.EntityFrameworkCore), or UseSink with your own.", options.Type);
}
