namespace WriteBehind.Benchmarks.Measuring;

/// <summary>Processor time in seconds.</summary>
/// <param name="Own">Of this process.</param>
/// <param name="Redis">Of Redis.</param>
public readonly record struct CpuTime(double Own, double Redis)
{
    public static CpuTime operator -(CpuTime later, CpuTime earlier) => new(later.Own - earlier.Own, later.Redis - earlier.Redis);
}
