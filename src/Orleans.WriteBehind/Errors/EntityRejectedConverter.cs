using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="EntityRejectedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class EntityRejectedConverter : IConverter<EntityRejectedException, EntityRejectedConverter.Surrogate>
{
    public EntityRejectedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new EntityRejectedException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Reason, surrogate.Origin.Cause, surrogate.Version));

    public Surrogate ConvertToSurrogate(in EntityRejectedException value)
        => new() { Origin = ErrorOrigin.Of(value), Reason = value.Reason, Version = value.Version };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Reason;

        [Id(2)]
        public long Version;
    }
}
