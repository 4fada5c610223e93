using System.Globalization;

namespace Chaos.Workers;

/// <summary>What a worker is told as it starts.</summary>
/// <param name="Name">Its name, with the number of its life.</param>
/// <param name="Redis">How it reaches Redis.</param>
/// <param name="Postgres">How it reaches PostgreSQL.</param>
/// <param name="Direct">How to look at PostgreSQL past all faults of the network.</param>
/// <param name="Folder">Where histories are.</param>
/// <param name="Seed">What its calls are drawn from.</param>
/// <param name="Replicas">How many replicas of Redis have to have a write.</param>
/// <param name="Epoch">When the run began, on the clock of histories.</param>
internal sealed record WorkerSettings(
    string Name, string Redis, string Postgres, string Direct, string Folder, int Seed, int Replicas, long Epoch)
{
    public string[] ToArguments()
        =>
        [
            "worker", Name, Redis, Postgres, Direct, Folder, Text(Seed), Text(Replicas), Text(Epoch),
        ];

    public static WorkerSettings From(string[] arguments)
        => new(
            arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], int.Parse(arguments[6], CultureInfo.InvariantCulture),
            int.Parse(arguments[7], CultureInfo.InvariantCulture), long.Parse(arguments[8], CultureInfo.InvariantCulture));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>
/// The terms that workers run on and that checks judge by. All short, so that every one of them ends many times in a run.
/// </summary>
internal static class Terms
{
    /// <summary>For how long the same entities are written, before others take their place.</summary>
    public static readonly TimeSpan Generation = TimeSpan.FromSeconds(5);

    /// <summary>How many lists, registers and counters there are at a time.</summary>
    public const int Slots = 3;

    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    public static readonly TimeSpan FenceTime = TimeSpan.FromSeconds(3);

    public static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(4);

    public const int Permits = 20;

    public static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan CacheTtl = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan LoadTimeout = TimeSpan.FromSeconds(2);

    public static readonly TimeSpan SyncInterval = TimeSpan.FromMilliseconds(200);
}
