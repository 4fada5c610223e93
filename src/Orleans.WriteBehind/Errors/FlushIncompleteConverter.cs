using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="FlushIncompleteException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class FlushIncompleteConverter : IConverter<FlushIncompleteException, FlushIncompleteConverter.Surrogate>
{
    public FlushIncompleteException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new FlushIncompleteException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Waited, surrogate.Reason, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in FlushIncompleteException value) => new() { Origin = ErrorOrigin.Of(value), Waited = value.Waited, Reason = value.Reason };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public TimeSpan Waited;

        [Id(2)]
        public string Reason;
    }
}
