using System.Diagnostics.Metrics;
using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>Counts the items of all queues of an engine.</summary>
internal sealed class QueueMetrics(EngineMeter meter)
{
    private readonly Counter<long> _items = meter.Meter.CreateCounter<long>(WriteBehindDiagnostics.QueueItems, "{item}");

    public void Count(string queue, string outcome, int items = 1)
    {
        if (items > 0)
        {
            _items.Add(items, new(WriteBehindDiagnostics.QueueTag, queue), new(WriteBehindDiagnostics.OutcomeTag, outcome));
        }
    }
}
