using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="WriteThroughException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class WriteThroughConverter : IConverter<WriteThroughException, WriteThroughConverter.Surrogate>
{
    public WriteThroughException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new WriteThroughException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Version, (WriteBehindException)surrogate.Origin.Cause!));

    public Surrogate ConvertToSurrogate(in WriteThroughException value) => new() { Origin = ErrorOrigin.Of(value), Version = value.Version };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long Version;
    }
}
