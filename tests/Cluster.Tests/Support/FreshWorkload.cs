using Proof.Workload;

namespace Cluster.Tests.Support;

/// <summary>A workload on products that nothing was written to yet.</summary>
internal sealed class FreshWorkload(IWorkload inner, string prefix) : IWorkload
{
    public long Count => inner.Count;

    public IReadOnlyList<string> Ids { get; } = [.. inner.Ids.Select(id => $"{prefix}-{id}")];

    public StockChange this[long index] => inner[index];
}
