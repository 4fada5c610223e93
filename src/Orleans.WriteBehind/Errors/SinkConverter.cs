using WriteBehind;
using WriteBehind.Sinks;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="SinkException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class SinkConverter : IConverter<SinkException, SinkConverter.Surrogate>
{
    public SinkException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new SinkException(surrogate.Failure, surrogate.Message, surrogate.Code, surrogate.Origin.EntityType, surrogate.Origin.EntityId, surrogate.Origin.Cause, surrogate.OutcomeUnknown));

    public Surrogate ConvertToSurrogate(in SinkException value) => new() { Origin = ErrorOrigin.Of(value), Failure = value.Failure, Message = value.Message, Code = value.Code, OutcomeUnknown = value.OutcomeUnknown };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public SinkFailure Failure;

        [Id(2)]
        public string Message;

        [Id(3)]
        public string? Code;

        [Id(4)]
        public bool OutcomeUnknown;
    }
}
