using Proof.Input;
using Proof.Options;

namespace Proof.Workload;

/// <summary>Makes the workload that the options ask for.</summary>
public static class Workloads
{
    /// <exception cref="UsageException">The input can't be read.</exception>
    public static IWorkload Make(ProofOptions options) => options.Input is { } path
        ? MovementFile.Load(path, options.Key!, options.Amount!, options.Writes)
        : new SkewedWorkload(
            options.Writes ?? ProofOptions.DefaultWrites, (int)(options.Entities ?? ProofOptions.DefaultEntities), options.Seed);
}
