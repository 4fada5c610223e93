namespace WriteBehind.Tests.ModelBased;

/// <summary>Gives an engine a sink that was made before.</summary>
internal sealed class VirtualSinkFactory(VirtualSink sink) : IEntitySinkFactory
{
    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
        => (IEntitySink<TState>)(object)sink;
}
