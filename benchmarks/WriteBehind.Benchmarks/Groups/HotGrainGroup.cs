using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>Everybody writes the same entity.</summary>
internal sealed class HotGrainGroup : IBenchmarkGroup
{
    private const double Wanted = 20;

    public int Number => 2;

    public string Title => $"One hot entity, {GrainContenders.InFlight} in flight, called from inside the silo";

    public string Unit => "writes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        await using var silo = await SiloHost.StartAsync(workspace);
        var own = GrainContenders.Own(await run.MeasureAsync("", GrainContenders.All(run, silo, ["hot"])));
        run.Goal($"at least {Wanted:0} times the baseline", $"{own.Ratio:0.0} times", own.Ratio >= Wanted);
    }
}
