using WriteBehind.Caching;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="CacheLoadException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class CacheLoadConverter : IConverter<CacheLoadException, CacheLoadConverter.Surrogate>
{
    public CacheLoadException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new CacheLoadException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Origin.Cause!));

    public Surrogate ConvertToSurrogate(in CacheLoadException value) => new() { Origin = ErrorOrigin.Of(value) };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;
    }
}
