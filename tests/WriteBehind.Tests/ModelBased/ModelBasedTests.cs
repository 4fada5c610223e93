using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using WriteBehind.Tests.Support;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// The real engine, on real servers, against a simple model: several processes write, load, flush, sweep and crash in made-up orders, with
/// lost answers, late arrivals, expiring leases and fences, and a Redis that comes back empty. After every command Redis and PostgreSQL
/// are looked at and must be as the model allows (<see cref="EntityModel.Look"/>); in the end PostgreSQL equals the model.
/// </summary>
/// <remarks>
/// <para>One thing happens at a time, so a scenario always goes the same way and can be made smaller. What is concurrent is cut into
/// steps: flushers are held where they have claimed and where they have saved, loads between Redis and the row, and what is held up goes
/// on later or never. Time is put forward rather than waited for (<see cref="VirtualTime"/>).</para>
/// <para>WRITEBEHIND_MODEL_RUNS sets the number of scenarios, WRITEBEHIND_MODEL_SEED the first one's seed ("random" for a new one); each
/// next scenario has the next seed. A failure names the seed of its scenario.</para>
/// </remarks>
public sealed class ModelBasedTests(ITestOutputHelper output)
{
    private const int Runs = 400;
    private const ulong Seed = 1;

    [Fact]
    public async Task Whatever_happens_in_whatever_order_the_database_ends_as_acknowledged_and_never_goes_back()
    {
        var runs = int.Parse(Setting("WRITEBEHIND_MODEL_RUNS") ?? $"{Runs}", CultureInfo.InvariantCulture);
        var first = Setting("WRITEBEHIND_MODEL_SEED") switch
        {
            null => Seed,
            "random" => (ulong)Random.Shared.NextInt64(),
            var seed => ulong.Parse(seed, CultureInfo.InvariantCulture),
        };
        await using var stage = await Stage.OpenAsync();
        for (var i = 0; i < runs; i++)
        {
            await Task.Run(() => Check(stage, first + (ulong)i));
        }

        await VersionWatch.AssertNoFallAsync(stage.Table);
        output.WriteLine($"{runs} scenarios, from seed {first}.");
    }

    private static string? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static void Check(Stage stage, ulong seed)
    {
        string? smallest = null;
        var property = Prop.ForAll(Scenarios.All, async scenario =>
        {
            using var run = new Run(stage, scenario);
            try
            {
                await run.ExecuteAsync(scenario.Commands);
                return true;
            }
            catch (Exception error)
            {
                // The last one to fail is the smallest.
                smallest = $"{scenario}\nWhat happened:\n{string.Join('\n', run.Story)}\n\n"
                    + $"{(error is BrokenPromiseException ? error.Message : error)}";
                return false;
            }
        });
        var config = Config.Quick.WithMaxTest(1).WithRunner(new QuietRunner())
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed), FSharpOption<int>.None)));
        FsCheck.Check.One(config, property);
        if (smallest is not null)
        {
            throw new XunitException($"Seed {seed} (repeat it with WRITEBEHIND_MODEL_SEED={seed} WRITEBEHIND_MODEL_RUNS=1).\n{smallest}");
        }
    }
}
