using Proof.Workload;

namespace Cluster.Tests.Support;

/// <summary>One very hot page, seen again and again.</summary>
internal sealed class OnePage(string page) : IWorkload
{
    public long Count => long.MaxValue;

    public IReadOnlyList<string> Ids { get; } = [page];

    public StockChange this[long index] => new(Product: 0, Amount: 1);
}
