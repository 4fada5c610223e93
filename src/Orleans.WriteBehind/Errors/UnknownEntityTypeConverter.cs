using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="UnknownEntityTypeException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class UnknownEntityTypeConverter : IConverter<UnknownEntityTypeException, UnknownEntityTypeConverter.Surrogate>
{
    public UnknownEntityTypeException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new UnknownEntityTypeException(surrogate.Origin.EntityType!, surrogate.Known));

    public Surrogate ConvertToSurrogate(in UnknownEntityTypeException value) => new() { Origin = ErrorOrigin.Of(value), Known = [.. value.Known] };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string[] Known;
    }
}
