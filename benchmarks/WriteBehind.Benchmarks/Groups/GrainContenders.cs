using WriteBehind.Benchmarks.Grains;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>The contenders whose grains are called.</summary>
internal static class GrainContenders
{
    public const int InFlight = 256;

    private static readonly TimeSpan HandMadeFlush = TimeSpan.FromSeconds(2);

    /// <summary>All of them, the baseline first.</summary>
    /// <param name="run">The run.</param>
    /// <param name="silo">Where the grains are.</param>
    /// <param name="ids">The entities; each contender has grains of its own for them.</param>
    public static IReadOnlyList<Contender> All(BenchmarkRun run, SiloHost silo, string[] ids)
    {
        return
        [
            Of<IRedisProductGrain>("Persistence.Redis, WriteStateAsync per call", "a"),
            Of<IReentrantRedisProductGrain>("the same in a reentrant grain", "b"),
            Of<IRowProductGrain>("EF Core, a transaction per call", "c"),
            Of<IDirtyFlagProductGrain>("dirty flag, timer, SaveChanges per grain (not durable)", "d") with
            {
                // What its timers have not saved yet would disturb the next contender.
                After = () => Task.Delay(HandMadeFlush),
            },
            Of<IWriteBehindProductGrain>(ContenderNames.Own, "e") with { After = silo.FlushAllAsync },
        ];

        // All write to one table, so each has rows of its own.
        Contender Of<TGrain>(string name, string prefix)
            where TGrain : IProductGrain
        {
            var grains = Array.ConvertAll(ids, id => silo.Grains.GetGrain<TGrain>($"{prefix}-{id}"));
            return new Contender(name, () =>
                ClosedLoop.RunAsync(InFlight, run.Turn, (_, random) => grains[random.Next(grains.Length)].AddAsync(1)))
            {
                WarmUp = async () =>
                {
                    // Every grain is activated and has written; then for as long as the compiler needs to see what is hot.
                    var next = -1;
                    await ClosedLoop.RunAsync(
                        InFlight, Math.Max(2_000, ids.Length),
                        (_, _) => grains[Interlocked.Increment(ref next) % grains.Length].AddAsync(1));
                    await ClosedLoop.RunAsync(InFlight, run.WarmUp, (_, random) => grains[random.Next(grains.Length)].AddAsync(1));
                },
            };
        }
    }

    /// <summary>This project among what <see cref="All"/> measured.</summary>
    public static Measurement Own(IReadOnlyList<Measurement> measured) => measured[^1];
}
