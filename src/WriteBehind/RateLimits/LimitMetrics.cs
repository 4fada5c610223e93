using System.Diagnostics.Metrics;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.RateLimits;

/// <summary>Counts the decisions of all rate limits.</summary>
internal sealed class LimitMetrics(EngineMeter meter)
{
    private readonly Counter<long> _decisions = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.LimitDecisions, "{decision}");
    private readonly Histogram<double> _duration =
        meter.Meter.CreateHistogram<double>(WriteBehindDiagnostics.LimitDuration, "s", advice: Buckets.Seconds);

    public void Decided(string limit, in LimitDecision decision, bool isLocal) => _decisions.Add(
        1,
        new(WriteBehindDiagnostics.LimitTag, limit),
        new(
            WriteBehindDiagnostics.OutcomeTag,
            isLocal ? "rejected_locally"
                : (decision.IsAdmitted ? "admitted" : "rejected") + (decision.IsUnchecked ? "_unchecked" : string.Empty)));

    public void Asked(string limit, TimeSpan duration)
        => _duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(WriteBehindDiagnostics.LimitTag, limit));
}

/// <summary>What was decided.</summary>
/// <param name="IsAdmitted">Whether the permits were granted.</param>
/// <param name="Remaining">How many permits are left in the window.</param>
/// <param name="RetryAfter">How long until as many permits as were wanted can be free; zero where they were granted.</param>
/// <param name="At">When, on Redis' clock, in µs; 0 where Redis was not asked.</param>
/// <param name="IsUnchecked">Whether Redis was away and the answer is that of <see cref="LimitOptions.WhenAway"/>.</param>
internal readonly record struct LimitDecision(bool IsAdmitted, int Remaining, TimeSpan RetryAfter, long At, bool IsUnchecked = false);
