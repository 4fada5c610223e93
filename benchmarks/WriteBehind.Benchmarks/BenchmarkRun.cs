using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks;

/// <summary>What a group works with: the servers, the sizes, and where its results go.</summary>
/// <param name="Group">The group that runs.</param>
/// <param name="Servers">Redis and PostgreSQL.</param>
/// <param name="Cpu">Measures processor time.</param>
/// <param name="IsQuick">Whether a rough answer is enough.</param>
/// <param name="Report">Where results go.</param>
public sealed record BenchmarkRun(IBenchmarkGroup Group, BenchmarkServers Servers, CpuMeter Cpu, bool IsQuick, Report Report)
{
    /// <summary>How often each contender takes its turn.</summary>
    public int Rounds => IsQuick ? 3 : 5;

    /// <summary>How long a turn of a load takes.</summary>
    public TimeSpan Turn => Pick(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

    /// <summary>
    /// How long a load runs before its first turn: until then the runtime compiles in the background, with a core of two.
    /// </summary>
    public TimeSpan WarmUp => Pick(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(10));

    /// <summary>The size for a quick run, or for a full one.</summary>
    public T Pick<T>(T quick, T full) => IsQuick ? quick : full;

    /// <summary>
    /// Measures contenders in turn (baseline first, then the others, then the baseline again, …) and reports their medians.
    /// </summary>
    /// <param name="test">Which of the group's cases; empty where there is only one.</param>
    /// <param name="contenders">The baseline first.</param>
    /// <param name="rounds">How many turns each gets; default <see cref="Rounds"/>.</param>
    public async Task<IReadOnlyList<Measurement>> MeasureAsync(string test, IReadOnlyList<Contender> contenders, int? rounds = null)
    {
        var samples = contenders.Select(_ => new List<Sample>()).ToList();
        foreach (var contender in contenders)
        {
            Progress($"{test} {contender.Name}: warming up");
            await contender.WarmUpAsync(Cpu);
        }

        for (var round = 0; round < (rounds ?? Rounds); round++)
        {
            for (var i = 0; i < contenders.Count; i++)
            {
                samples[i].Add(await contenders[i].TakeTurnAsync(Cpu));
                Progress($"{test} {contenders[i].Name}: {samples[i][^1].OperationsPerSecond:N0} {Group.Unit}/s");
            }
        }

        var baseline = Measurement.Of(Group, test, contenders[0].Name, samples[0], baseline: null);
        Measurement[] measured =
            [baseline, .. contenders.Skip(1)
                .Select((contender, i) => Measurement.Of(Group, test, contender.Name, samples[i + 1], baseline))];
        foreach (var measurement in measured)
        {
            Report.Add(measurement);
        }

        return measured;
    }

    /// <summary>Says what the group's goal came to.</summary>
    /// <param name="goal">The goal in words.</param>
    /// <param name="measured">What was measured, in words.</param>
    /// <param name="isMet">Whether it is enough.</param>
    public void Goal(string goal, string measured, bool isMet) => Report.Add(new Goal(Group.Number, goal, measured, isMet));

    public static void Progress(string text) => Report.Progress($"  {text.Trim()}");
}
