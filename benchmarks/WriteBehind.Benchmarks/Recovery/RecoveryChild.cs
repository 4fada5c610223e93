using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Proof.Load;
using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Recovery;

/// <summary>The side of the process that recovers: a silo that is new, whose sweep grains find what is dirty.</summary>
internal static class RecoveryChild
{
    private const int HotEntities = 100;
    private static readonly TimeSpan WritePause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestRecovery = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(BenchmarkServers servers, string[] args)
    {
        // Should the benchmark be killed, nothing is left of this process either.
        _ = Task.Run(() =>
        {
            while (Console.In.Read() >= 0)
            {
            }

            Environment.Exit(1);
        });
        await using var silo = await SiloHost.StartAsync(new Workspace(servers, args[0]));
        var ready = Stopwatch.GetTimestamp();
        var startSeconds = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds;

        using var clean = new CancellationTokenSource();
        var latencies = new LatencyHistogram();
        var writing = WriteAsync(silo, latencies, clean.Token);
        var heap = await UntilCleanAsync(silo.Engine);
        var cleanSeconds = Stopwatch.GetElapsedTime(ready).TotalSeconds;
        await clean.CancelAsync();
        var (written, failed) = await writing;

        Console.WriteLine(JsonSerializer.Serialize(new RecoveryFigures(
            startSeconds, cleanSeconds, PeakMegabytes(), heap, written, failed, latencies.PercentileMilliseconds(0.5),
            latencies.PercentileMilliseconds(0.99))));
        return 0;
    }

    /// <summary>Returns the largest heap that a collection left meanwhile, in megabytes.</summary>
    private static async Task<double> UntilCleanAsync(IWriteBehindEngine engine)
    {
        var largest = 0L;
        var started = Stopwatch.GetTimestamp();
        while ((await engine.GetStatusAsync()).Types.Sum(type => type.Dirty) > HotEntities)
        {
            if (Stopwatch.GetElapsedTime(started) > LongestRecovery)
            {
                throw new TimeoutException($"Not clean after {LongestRecovery}.");
            }

            largest = Math.Max(largest, GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes);
            await Task.Delay(LookPause);
        }

        return Math.Max(largest, GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes) / 1048576.0;
    }

    private static async Task<(long Written, long Failed)> WriteAsync(SiloHost silo, LatencyHistogram latencies, CancellationToken end)
    {
        var (written, failed) = (0L, 0L);
        while (!end.IsCancellationRequested)
        {
            var sent = Stopwatch.GetTimestamp();
            try
            {
                await silo.Grains.GetGrain<IWriteBehindProductGrain>($"hot-{written % HotEntities}").AddAsync(1);
                written++;
            }
            catch (WriteBehindException)
            {
                failed++;
            }

            latencies.Record(Stopwatch.GetElapsedTime(sent));
            await Task.Delay(WritePause, CancellationToken.None);
        }

        return (written, failed);
    }

    /// <summary>As the kernel counts it, all of the process included.</summary>
    private static double PeakMegabytes()
    {
        const string File = "/proc/self/status";
        if (!System.IO.File.Exists(File))
        {
            return Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0;
        }

        var line = System.IO.File.ReadLines(File).First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return double.Parse(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture) / 1024;
    }
}
