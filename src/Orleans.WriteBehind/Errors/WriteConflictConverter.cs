using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="WriteConflictException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class WriteConflictConverter : IConverter<WriteConflictException, WriteConflictConverter.Surrogate>
{
    public WriteConflictException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new WriteConflictException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.ExpectedVersion, surrogate.CurrentVersion));

    public Surrogate ConvertToSurrogate(in WriteConflictException value)
        => new() { Origin = ErrorOrigin.Of(value), ExpectedVersion = value.ExpectedVersion, CurrentVersion = value.CurrentVersion };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long ExpectedVersion;

        [Id(2)]
        public long CurrentVersion;
    }
}
