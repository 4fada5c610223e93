namespace WriteBehind.Tests.Support;

/// <summary>Makes the real sinks and puts the probe before them.</summary>
internal sealed class ProbedSinkFactory(IEntitySinkFactory real, SinkProbe probe) : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => probe.Wrap(real.Create(options));
}
