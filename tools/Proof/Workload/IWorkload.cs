namespace Proof.Workload;

/// <summary>What is written, in order.</summary>
public interface IWorkload
{
    /// <summary>How many movements there are.</summary>
    long Count { get; }

    /// <summary>The products that may be moved.</summary>
    IReadOnlyList<string> Ids { get; }

    /// <summary>One of the movements. Any caller may ask for any, at any time.</summary>
    StockChange this[long index] { get; }
}
