using System.Diagnostics;
using System.Globalization;
using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Groups;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Cluster;

/// <summary>One contender on a cluster of its own, from its start on.</summary>
internal sealed class ClusterTurn<TGrain> : IAsyncDisposable
    where TGrain : IProductGrain
{
    /// <summary>So few methods compiled in some seconds are no load any more. A busy silo compiles a thousand.</summary>
    private const int AtRest = 100;

    private readonly Workspace _workspace;
    private readonly ClusterOfProcesses _cluster;
    private readonly TGrain[] _grains;
    private readonly Dictionary<string, double> _figures = new(StringComparer.Ordinal);

    private ClusterTurn(Workspace workspace, ClusterOfProcesses cluster, TGrain[] grains)
        => (_workspace, _cluster, _grains) = (workspace, cluster, grains);

    public IReadOnlyDictionary<string, double> Figures => _figures;

    public static async Task<ClusterTurn<TGrain>> StartAsync(BenchmarkRun run, string[] ids)
    {
        var workspace = await run.Servers.OpenWorkspaceAsync();
        try
        {
            var cluster = await ClusterOfProcesses.StartAsync(workspace);
            return new ClusterTurn<TGrain>(workspace, cluster, Array.ConvertAll(ids, id => cluster.Grains.GetGrain<TGrain>(id)));
        }
        catch
        {
            await workspace.DisposeAsync();
            throw;
        }
    }

    /// <summary>What new silos do first, and then more until they are warm: until the compiler rests.</summary>
    public async Task BeginAsync(TimeSpan first, TimeSpan longest)
    {
        var load = await LoadAsync(GrainContenders.InFlight, first);
        _figures["first seconds/s"] = load.Operations / load.Elapsed.TotalSeconds;
        _figures["first seconds p99 ms"] = load.Latencies!.PercentileMilliseconds(0.99);

        // Every grain is there: an activation loads a row, which is a transaction without one that is written.
        var next = -1;
        await ClosedLoop.RunAsync(
            GrainContenders.InFlight, _grains.Length,
            (_, _) => _grains[Interlocked.Increment(ref next) % _grains.Length].AddAsync(1));
        var warming = Stopwatch.StartNew();
        var compiled = await _cluster.CompiledAsync();
        while (warming.Elapsed < longest)
        {
            await LoadAsync(GrainContenders.InFlight, first);
            var before = compiled;
            compiled = await _cluster.CompiledAsync();
            if (compiled.Zip(before).All(static silo => silo.First - silo.Second < AtRest))
            {
                break;
            }
        }

        _figures["warm after s"] = warming.Elapsed.TotalSeconds;
    }

    /// <summary>The rate with fewer in flight.</summary>
    public async Task TryAsync(int inFlight, TimeSpan duration)
    {
        var load = await LoadAsync(inFlight, duration);
        _figures[string.Create(CultureInfo.InvariantCulture, $"{inFlight} in flight/s")] = load.Operations / load.Elapsed.TotalSeconds;
    }

    /// <summary>The turn that counts.</summary>
    public async Task<LoadResult> MeasureAsync(TimeSpan duration)
    {
        var before = await PostgresFigures.ReadAsync(_workspace);
        var silos = _cluster.CpuSeconds;
        var load = await LoadAsync(GrainContenders.InFlight, duration);
        silos = _cluster.CpuSeconds - silos;
        var after = await PostgresFigures.ReadAsync(_workspace);
        _figures["silo cpu µs"] = silos * 1e6 / load.Operations;
        _figures["PostgreSQL cpu µs"] = (after.CpuSeconds - before.CpuSeconds) * 1e6 / load.Operations;
        _figures["rows per transaction"] = (double)(after.Rows - before.Rows) / Math.Max(1, after.Commits - before.Commits);
        return load;
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _workspace.DisposeAsync();
    }

    private Task<LoadResult> LoadAsync(int inFlight, TimeSpan duration)
        => ClosedLoop.RunAsync(inFlight, duration, (_, random) => _grains[random.Next(_grains.Length)].AddAsync(1));
}
