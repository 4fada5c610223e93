using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="RateLimitedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class RateLimitedConverter : IConverter<RateLimitedException, RateLimitedConverter.Surrogate>
{
    public RateLimitedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new RateLimitedException(surrogate.Limit, surrogate.CallerKey, surrogate.RetryAfter));

    public Surrogate ConvertToSurrogate(in RateLimitedException value)
        => new() { Origin = ErrorOrigin.Of(value), Limit = value.Limit, CallerKey = value.CallerKey, RetryAfter = value.RetryAfter };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Limit;

        [Id(2)]
        public string CallerKey;

        [Id(3)]
        public TimeSpan? RetryAfter;
    }
}
