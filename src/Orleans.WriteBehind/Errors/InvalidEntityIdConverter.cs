using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="InvalidEntityIdException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class InvalidEntityIdConverter : IConverter<InvalidEntityIdException, InvalidEntityIdConverter.Surrogate>
{
    public InvalidEntityIdException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new InvalidEntityIdException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Reason, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in InvalidEntityIdException value) => new() { Origin = ErrorOrigin.Of(value), Reason = value.Reason };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Reason;
    }
}
