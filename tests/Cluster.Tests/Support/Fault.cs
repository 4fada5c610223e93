using Silo.Contracts;
using WriteBehind;
using WriteBehind.TestTools;

namespace Cluster.Tests.Support;

/// <summary>Something that goes wrong. It leaves the cluster as it found it, with all silos and servers up.</summary>
/// <param name="Name">What is done.</param>
/// <param name="HappenAsync">Does it, while the load runs.</param>
/// <param name="IsExpected">Whether an error in the silos' logs belongs to it.</param>
internal sealed record Fault(string Name, Func<RunningCluster, LoadedRun, Random, Task> HappenAsync, Func<LogEntry, bool> IsExpected)
{
    private const int Some = 100;
    private const int Victims = 2;

    public static Fault RollingRestart { get; } = new("SIGTERM one by one", RestartAllAsync, IsOfOrleans);

    public static Fault Kill { get; } = new("SIGKILL", KillSomeAsync, IsOfOrleans);

    public static Fault Zombie { get; } = new("SIGSTOP past the silo's death", WakeAfterDeathAsync, IsOfRedis);

    public static Fault RedisRestart { get; } = new("Redis killed and restarted", RestartRedisAsync, IsOfRedis);

    public static Fault PostgresOutage { get; } = new("PostgreSQL stopped for a while", StopPostgresAsync, IsOfPostgres);

    public static IReadOnlyList<Fault> All { get; } = [RollingRestart, Kill, Zombie, RedisRestart, PostgresOutage];

    // Orleans itself logs errors where a silo or its membership table goes away, also through the library that it tries a placement again
    // with. For this library that is no error: others go on.
    private static bool IsOfOrleans(LogEntry entry)
        => (entry.Category.StartsWith("Orleans.", StringComparison.Ordinal)
            && !entry.Category.StartsWith("Orleans.WriteBehind", StringComparison.Ordinal))
            || (entry.Category == "Polly" && entry.Text.Contains("'Orleans.", StringComparison.Ordinal));

    // Also who slept: its connections have timed out.
    private static bool IsOfRedis(LogEntry entry)
        => IsOfOrleans(entry) || entry.Text.Contains(nameof(BufferUnavailableException), StringComparison.Ordinal);

    // Grains that are called for the first time meanwhile can't load their state: EF Core says so, and Orleans of the activation.
    private static bool IsOfPostgres(LogEntry entry)
        => IsOfOrleans(entry)
            || entry.Category.StartsWith("Microsoft.EntityFrameworkCore.", StringComparison.Ordinal)
            || entry.Text.Contains(nameof(SinkException), StringComparison.Ordinal);

    private static async Task RestartAllAsync(RunningCluster cluster, LoadedRun run, Random random)
    {
        foreach (var member in cluster.Members)
        {
            var (exitCode, log) = await member.StopAsync();
            Assert.Equal(0, exitCode);
            Assert.Contains(log, line => line.Contains("Drained: ", StringComparison.Ordinal));
            await run.WriteMoreAsync(Some);
            await member.StartAsync();
        }
    }

    private static async Task KillSomeAsync(RunningCluster cluster, LoadedRun run, Random random)
    {
        Member[] victims = [.. cluster.Members];
        random.Shuffle(victims);
        Array.Resize(ref victims, Victims);
        await Task.WhenAll(victims.Select(victim => victim.KillAsync()));
        await Task.WhenAll(victims.Select(victim => victim.StartAsync()));
    }

    // The load never pauses, so the victim holds unflushed states, calls that wait and armed timers when it is frozen. All of them go on
    // when it wakes, long after its grains were activated elsewhere and written there.
    private static async Task WakeAfterDeathAsync(RunningCluster cluster, LoadedRun run, Random random)
    {
        var victim = cluster.Members[random.Next(cluster.Members.Count)];
        var held = await run.FindStockOnAsync(victim);
        victim.Freeze();
        try
        {
            await cluster.WaitUntilDeadAsync(victim);
            await run.WriteMoreAsync(Some);
            await WaitUntilWrittenAsync(held);
        }
        finally
        {
            victim.Thaw();
        }

        Assert.NotEqual(0, await victim.WaitForEndAsync());
        await victim.StartAsync();
    }

    // By the load, in new activations elsewhere, as the silo they were on is gone.
    private static Task WaitUntilWrittenAsync(IReadOnlyList<IStockGrain> grains)
    {
        long? before = null;
        return Eventually.TrueAsync(
            async () =>
            {
                var now = (await Task.WhenAll(grains.Select(grain => grain.GetAsync()))).Sum(level => level?.Version ?? 0);
                before ??= now;
                return now > before;
            },
            TimeSpan.FromSeconds(60),
            "what the silo held is written elsewhere");
    }

    private static async Task RestartRedisAsync(RunningCluster cluster, LoadedRun run, Random random)
    {
        await cluster.Servers.Redis.KillAsync();
        try
        {
            await Eventually.TrueAsync(() => run.Failures.Any(error => error is BufferUnavailableException), because: "callers are told");
        }
        finally
        {
            await cluster.Servers.Redis.RestartAsync();
        }
    }

    private static async Task StopPostgresAsync(RunningCluster cluster, LoadedRun run, Random random)
    {
        await cluster.Servers.Postgres.StopAsync();
        try
        {
            // The calls that were answered before the stop are few; so these were acknowledged without PostgreSQL.
            await run.WriteMoreAsync(10 * Some);
        }
        finally
        {
            await cluster.Servers.Postgres.RestartAsync();
        }
    }
}
