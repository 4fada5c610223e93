using System.Globalization;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>Acknowledged writes of many grains, called from inside the silo.</summary>
internal sealed class GrainWritesGroup : IBenchmarkGroup
{
    private const int Entities = 5_000;
    private const double Wanted = 3;

    public int Number => 1;

    public string Title
        => $"Acknowledged writes, {Entities:N0} entities, {GrainContenders.InFlight} in flight, called from inside the silo";

    public string Unit => "writes";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        await using var silo = await SiloHost.StartAsync(workspace);
        var measured = await run.MeasureAsync("", GrainContenders.All(run, silo, ProductIds.Create(Entities)));
        var (baseline, own) = (measured[0], GrainContenders.Own(measured));
        run.Goal($"at least {Wanted:0} times the baseline", $"{own.Ratio:0.00} times", own.Ratio >= Wanted);
        run.Goal(
            "99th percentile lower than the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"{own.P99Ms:0.00} ms against {baseline.P99Ms:0.00} ms"),
            own.P99Ms < baseline.P99Ms);
    }
}
