namespace Proof.Workload;

/// <summary>One movement of a workload.</summary>
/// <param name="Product">The index of the product in <see cref="IWorkload.Ids"/>.</param>
/// <param name="Amount">How much comes in, or goes out where negative.</param>
public readonly record struct StockChange(int Product, long Amount);
