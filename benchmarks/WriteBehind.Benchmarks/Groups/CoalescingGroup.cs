using System.Diagnostics;
using Proof.Load;
using Proof.Workload;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// How many rows reach the database for how many acknowledged writes. The writes come at a steady pace, as they would in a service: at full
/// speed all of them would fall into one or two delays.
/// </summary>
internal sealed class CoalescingGroup : IBenchmarkGroup
{
    private const int Writes = 200_000;
    private const int Entities = 2_000;
    private const int Callers = 64;

    public int Number => 7;

    public string Title => $"Coalescing: {Writes:N0} skewed writes over {Entities:N0} entities";

    public string Unit => "writes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var pace = run.Pick(40_000, 10_000);
        var workload = new SkewedWorkload(Writes, Entities, seed: 1);
        Measurement? baseline = null;
        foreach (var delay in new[] { 0.1, 1, 10 })
        {
            await using var workspace = await run.Servers.OpenWorkspaceAsync();
            await using var engine = await EngineHost.StartAsync(workspace, sweeps: true, options =>
            {
                options.FlushDelay = TimeSpan.FromSeconds(delay);

                // Products that sell, sell again.
                options.AfterFlush = AfterFlush.Keep;
                options.MaxAge = TimeSpan.FromSeconds(delay * 10);
            });
            var cpu = await run.Cpu.ReadAsync();
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            var result = await WriteAsync(engine, workload, pace);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            cpu = await run.Cpu.ReadAsync() - cpu;
            await engine.FlushAllAsync();
            var counters = (await engine.Engine.GetStatusAsync()).Types[0].Counters;
            if (counters.WritesAcknowledged != Writes)
            {
                throw new InvalidOperationException($"{counters.WritesAcknowledged} of {Writes} writes were acknowledged.");
            }

            var figures = new Dictionary<string, double>
            {
                ["acknowledged"] = counters.WritesAcknowledged,
                ["Redis writes"] = counters.BufferWrites,
                ["rows"] = counters.RowsApplied,
                ["writes per row"] = (double)counters.WritesAcknowledged / counters.RowsApplied,
            };
            var measured = Measurement.Of(
                run.Group, $"delay {delay} s, {pace:N0} writes/s", ContenderNames.Own,
                [new Sample(result, allocated, cpu, figures)], baseline);
            baseline ??= measured;
            run.Report.Add(measured);
            BenchmarkRun.Progress($"delay {delay} s: {counters.RowsApplied:N0} rows");
        }
    }

    private static async Task<LoadResult> WriteAsync(EngineHost engine, SkewedWorkload workload, int pace)
    {
        var next = -1L;
        var latencies = new LatencyHistogram();
        var started = Stopwatch.GetTimestamp();
        var result = await ClosedLoop.RunAsync(Callers, Writes, async (_, _) =>
        {
            var index = Interlocked.Increment(ref next);
            var change = workload[index];
            var ahead = TimeSpan.FromSeconds((double)index / pace) - Stopwatch.GetElapsedTime(started);
            if (ahead > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(ahead);
            }

            var id = workload.Ids[change.Product];
            var sent = Stopwatch.GetTimestamp();
            await engine.Store.UpdateAsync(id, product => (product ?? Product.New(id)).Add(change.Amount));
            latencies.Record(Stopwatch.GetElapsedTime(sent));
        });
        return result with { Latencies = latencies };
    }
}
