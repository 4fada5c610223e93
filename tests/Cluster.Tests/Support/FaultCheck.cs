using Xunit.Sdk;

namespace Cluster.Tests.Support;

/// <summary>Carries out faults under load.</summary>
internal sealed class FaultCheck(RunningCluster cluster, int seed)
{
    private const int Before = 300;
    private const int After = 300;
    private const int LogLines = 25;

    private readonly Random _random = new(seed);

    /// <summary>Writes, lets the fault happen, writes on, and judges.</summary>
    /// <param name="fault">What goes wrong.</param>
    /// <param name="repeats">Whether callers repeat what was not answered. Then no write may fail, and each must count once.</param>
    public async Task RunAsync(Fault fault, bool repeats = false)
    {
        await cluster.RestoreAsync();
        await using var run = new LoadedRun(cluster, _random.Next(), repeats);
        try
        {
            await run.WriteMoreAsync(Before);
            await fault.HappenAsync(cluster, run, _random);
            await run.WriteMoreAsync(After);
            await run.FinishAsync(fault.IsExpected);
            Assert.True(!repeats || !run.Failures.Any(), "A caller was not answered.");
        }
        catch (Exception e)
        {
            throw new XunitException(
                $"{fault.Name}, with WRITEBEHIND_CLUSTER_SEED={seed}: {e.Message}\n" +
                $"{run.Acknowledged} writes were acknowledged; callers saw {Summary(run.Failures)}.\n" +
                string.Join("\n\n", cluster.Members.Select(member => member.LogTail(LogLines))),
                e);
        }
    }

    private static string Summary(IEnumerable<Exception> failures)
        => string.Join(
            ", ", failures.CountBy(failure => failure.GetType().Name).Select(type => $"{type.Value} {type.Key}")) is { Length: > 0 } text
            ? text
            : "no failure";
}
