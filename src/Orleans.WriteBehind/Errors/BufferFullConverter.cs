using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="BufferFullException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class BufferFullConverter : IConverter<BufferFullException, BufferFullConverter.Surrogate>
{
    public BufferFullException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new BufferFullException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.MaxDirty));

    public Surrogate ConvertToSurrogate(in BufferFullException value) => new() { Origin = ErrorOrigin.Of(value), MaxDirty = value.MaxDirty };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long MaxDirty;
    }
}
