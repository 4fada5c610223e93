using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="BufferUnavailableException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class BufferUnavailableConverter : IConverter<BufferUnavailableException, BufferUnavailableConverter.Surrogate>
{
    public BufferUnavailableException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new BufferUnavailableException(surrogate.Message, surrogate.OutcomeUnknown, surrogate.Origin.EntityType, surrogate.Origin.EntityId, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in BufferUnavailableException value) => new() { Origin = ErrorOrigin.Of(value), Message = value.Message, OutcomeUnknown = value.OutcomeUnknown };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Message;

        [Id(2)]
        public bool OutcomeUnknown;
    }
}
