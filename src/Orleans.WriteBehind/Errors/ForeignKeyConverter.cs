using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="ForeignKeyException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class ForeignKeyConverter : IConverter<ForeignKeyException, ForeignKeyConverter.Surrogate>
{
    public ForeignKeyException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new ForeignKeyException(
            surrogate.Key, surrogate.Problem, surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in ForeignKeyException value)
        => new() { Origin = ErrorOrigin.Of(value), Key = value.Key, Problem = value.Problem };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Key;

        [Id(2)]
        public string Problem;
    }
}
