using System.Diagnostics.Metrics;
using WriteBehind.Diagnostics;

namespace WriteBehind.Caching.Limits;

/// <summary>Counts the decisions of all rate limits.</summary>
internal sealed class LimitMetrics(EngineMeter meter)
{
    private readonly Counter<long> _decisions = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.LimitDecisions, "{decision}");
    private readonly Histogram<double> _duration = meter.Meter.CreateHistogram<double>(WriteBehindDiagnostics.LimitDuration, "s");

    public void Decided(string limit, in LimitDecision decision, bool isLocal) => _decisions.Add(
        1,
        new(WriteBehindDiagnostics.LimitTag, limit),
        new(
            WriteBehindDiagnostics.OutcomeTag,
            isLocal ? "rejected_locally"
                : (decision.IsAdmitted ? "admitted" : "rejected") + (decision.IsUnchecked ? "_unchecked" : string.Empty)));

    public void Asked(string limit, TimeSpan duration) => _duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(WriteBehindDiagnostics.LimitTag, limit));
}
