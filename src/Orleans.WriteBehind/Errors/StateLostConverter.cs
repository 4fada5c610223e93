using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="StateLostException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class StateLostConverter : IConverter<StateLostException, StateLostConverter.Surrogate>
{
    public StateLostException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new StateLostException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!));

    public Surrogate ConvertToSurrogate(in StateLostException value) => new() { Origin = ErrorOrigin.Of(value) };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;
    }
}
