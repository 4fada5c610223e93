using System.Threading.RateLimiting;

namespace WriteBehind.Caching.Limits;

/// <summary>A decision as a lease. Nothing is given back with it: a permit comes free when it leaves the window.</summary>
internal sealed class RedisRateLimitLease(LimitDecision decision, WindowLimit limit, string? reason) : RateLimitLease
{
    private static readonly string[] Names =
    [
        MetadataName.RetryAfter.Name, MetadataName.ReasonPhrase.Name, LimitMetadata.Limit.Name, LimitMetadata.Remaining.Name,
        LimitMetadata.Unchecked.Name, LimitMetadata.DecidedAt.Name,
    ];

    public override bool IsAcquired => decision.IsAdmitted;

    public override IEnumerable<string> MetadataNames => Names.Where(name => TryGetMetadata(name, out _));

    public override bool TryGetMetadata(string metadataName, out object? metadata)
    {
        metadata = metadataName switch
        {
            "RETRY_AFTER" => decision.IsAdmitted || decision.RetryAfter <= TimeSpan.Zero ? null : decision.RetryAfter,
            "REASON_PHRASE" => reason,
            "WRITEBEHIND_LIMIT" => limit,
            "WRITEBEHIND_REMAINING" => decision.At == 0 ? null : decision.Remaining,
            "WRITEBEHIND_UNCHECKED" => decision.IsUnchecked ? true : null,
            "WRITEBEHIND_DECIDED_AT" => decision.At == 0 ? null : decision.At,
            _ => null,
        };
        return metadata is not null;
    }
}
