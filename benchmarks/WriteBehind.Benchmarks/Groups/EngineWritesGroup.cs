using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// Acknowledged writes without grains. PostgreSQL follows all the while, for the baseline too: it writes what this project writes, by the
/// same script, and an engine flushes it.
/// </summary>
internal sealed class EngineWritesGroup : IBenchmarkGroup
{
    private const int Entities = 5_000;
    private const int InFlight = 256;
    private const double Wanted = 2;

    public int Number => 3;

    public string Title => $"Engine without grains: acknowledged writes, {Entities:N0} entities, {InFlight} in flight";

    public string Unit => "writes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var ids = ProductIds.Create(Entities);
        await using var scriptPlace = await run.Servers.OpenWorkspaceAsync();
        await using var minimalPlace = await run.Servers.OpenWorkspaceAsync();
        await using var ownPlace = await run.Servers.OpenWorkspaceAsync();
        await using var scriptEngine = await EngineHost.StartAsync(scriptPlace, sweeps: true);
        await using var ownEngine = await EngineHost.StartAsync(ownPlace, sweeps: true);
        await using var script = await ScriptPerWrite.ConnectAsync(run.Servers, scriptPlace, scriptEngine.Options, ids);
        await using var minimal = await MinimalScriptPerWrite.ConnectAsync(run.Servers, minimalPlace, ids);
        var products = Array.ConvertAll(ids, Product.New);
        var sessions = Array.ConvertAll(ids, ownEngine.Store.OpenSession);
        await Task.WhenAll(sessions.Select(session => session.LoadAsync()));

        var measured = await run.MeasureAsync(
            "",
            [
                Load("one script call per write", script.WriteAsync) with
                {
                    After = () => scriptEngine.FlushAllAsync(),
                },
                Load("a minimal script per write (fewer promises)", minimal.WriteAsync),
                Load(ContenderNames.Own, i => sessions[i].SaveAsync(products[i].Add(1))) with
                {
                    After = () => ownEngine.FlushAllAsync(),
                },
                Load(
                    $"{ContenderNames.Own}, read and change (UpdateAsync)",
                    i => ownEngine.Store.UpdateAsync(ids[i], product => (product ?? Product.New(ids[i])).Add(1))) with
                {
                    After = async () =>
                    {
                        await ownEngine.FlushAllAsync();
                        await Task.WhenAll(sessions.Select(session => session.LoadAsync()));
                    },
                },
            ]);
        var ratio = measured[2].Ratio ?? 0;
        run.Goal($"at least {Wanted:0} times the baseline", $"{ratio:0.00} times", ratio >= Wanted);

        Contender Load(string name, Func<int, Task> write)
            => new(name, () => LoadAsync(run.Turn, write)) { WarmUp = () => LoadAsync(run.WarmUp, write) };
    }

    /// <summary>Each caller writes entities of its own, as an owner does.</summary>
    private static Task<LoadResult> LoadAsync(TimeSpan duration, Func<int, Task> write)
        => ClosedLoop.RunAsync(InFlight, duration, (caller, random) =>
        {
            var own = (Entities - caller + InFlight - 1) / InFlight;
            return write(caller + (InFlight * random.Next(own)));
        });
}
