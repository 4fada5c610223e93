using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>What an activation costs: the time to make it from what is stored, and the memory it holds afterwards.</summary>
internal sealed class GrainCostGroup : IBenchmarkGroup
{
    private const int Grains = 10_000;
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    public int Number => 8;

    public string Title
        => $"Cost of a grain: {Grains:N0} cold activations, {GrainContenders.InFlight} in flight, and the bytes each then holds";

    public string Unit => "activations";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        var rounds = run.Pick(2, 3);
        await using (var silo = await StartAsync(workspace))
        {
            // What is activated cold must have been stored, and its activations must be gone again.
            for (var round = 0; round <= rounds; round++)
            {
                var ids = Ids(round);
                await CallAsync(ids, id => silo.Grains.GetGrain<IRedisProductGrain>(id).AddAsync(1));
                await CallAsync(ids, id => silo.Grains.GetGrain<IWriteBehindProductGrain>(id).AddAsync(1));
            }

            await silo.FlushAllAsync();
        }

        await using (var silo = await StartAsync(workspace))
        {
            await run.MeasureAsync(
                "",
                [
                    Activate<IRedisProductGrain>("Persistence.Redis", grain => grain.GetAsync()),
                    Activate<IWriteBehindProductGrain>($"{ContenderNames.Own}, clean, out of PostgreSQL", grain => grain.GetAsync()),
                    Activate<IWriteBehindProductGrain>(
                        $"{ContenderNames.Own}, dirtied by its first call", grain => grain.AddAsync(1), "new-"),
                ],
                rounds);

            Contender Activate<TGrain>(string name, Func<TGrain, Task> call, string prefix = "")
                where TGrain : IProductGrain
            {
                var round = 0;
                var bytes = 0L;
                return new Contender(name, async () =>
                {
                    var ids = Array.ConvertAll(Ids(round++), id => prefix + id);
                    var before = GC.GetTotalMemory(forceFullCollection: true);
                    var result = await CallAsync(ids, id => call(silo.Grains.GetGrain<TGrain>(id)));
                    bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
                    return result;
                })
                {
                    Figures = () => new Dictionary<string, double> { ["bytes held per activation"] = (double)bytes / Grains },
                };
            }
        }
    }

    /// <summary>Nothing is flushed by timer here: a dirty activation is to stay dirty.</summary>
    private static Task<SiloHost> StartAsync(Workspace workspace) => SiloHost.StartAsync(workspace, options =>
    {
        options.FlushDelay = Never;
        options.MaxAge = Never;
    });

    /// <summary>Each turn has entities of its own: what the last one activated stays active.</summary>
    private static string[] Ids(int round) => ProductIds.Create(Grains, $"r{round}");

    private static Task<LoadResult> CallAsync(string[] ids, Func<string, Task> call)
    {
        var next = -1;
        return ClosedLoop.RunAsync(GrainContenders.InFlight, ids.Length, (_, _) => call(ids[Interlocked.Increment(ref next)]));
    }
}
