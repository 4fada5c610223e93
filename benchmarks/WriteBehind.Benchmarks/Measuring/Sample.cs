namespace WriteBehind.Benchmarks.Measuring;

/// <summary>One turn of a contender.</summary>
/// <param name="Result">What it did.</param>
/// <param name="Allocated">What this process allocated meanwhile, in bytes: the load's own share is in it, the same for every
/// contender.</param>
/// <param name="Cpu">The processor time that went into it, the load's own share included.</param>
/// <param name="Figures">Further figures.</param>
public sealed record Sample(LoadResult Result, long Allocated, CpuTime Cpu, IReadOnlyDictionary<string, double>? Figures)
{
    public double OperationsPerSecond => Result.Operations / Result.Elapsed.TotalSeconds;

    public double AllocatedPerOperation => (double)Allocated / Math.Max(1, Result.Operations);

    public double OwnMicrosecondsPerOperation => Cpu.Own * 1e6 / Math.Max(1, Result.Operations);

    public double RedisMicrosecondsPerOperation => Cpu.Redis * 1e6 / Math.Max(1, Result.Operations);
}
