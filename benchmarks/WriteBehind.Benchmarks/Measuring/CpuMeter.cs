using System.Globalization;
using StackExchange.Redis;

namespace WriteBehind.Benchmarks.Measuring;

/// <summary>
/// The processor time that this process and Redis have used. On a machine that is shared it says more than the clock does, and what
/// limits a contender is seen in it.
/// </summary>
public sealed class CpuMeter(IDatabase redis)
{
    public async Task<CpuTime> ReadAsync()
    {
        var info = (string?)await redis.ExecuteAsync("INFO", "cpu") ?? "";
        var seconds = info.Split('\n')
            .Where(line =>
                line.StartsWith("used_cpu_sys:", StringComparison.Ordinal) || line.StartsWith("used_cpu_user:", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(':')[1], CultureInfo.InvariantCulture));
        return new CpuTime(Environment.CpuUsage.TotalTime.TotalSeconds, seconds);
    }
}
