using System.Globalization;

namespace Cluster.Tests.Support;

/// <summary>What a run can be told by the environment.</summary>
internal static class RunSettings
{
    private const int DefaultSeed = 1;

    /// <summary>What all that is random follows from.</summary>
    public static int Seed { get; } = Read("WRITEBEHIND_CLUSTER_SEED") switch
    {
        null => DefaultSeed,
        "random" => Random.Shared.Next(),
        var seed => int.Parse(seed, CultureInfo.InvariantCulture),
    };

    /// <summary>How long faults are drawn; 0 for the fewest.</summary>
    public static TimeSpan SoakTime { get; } =
        TimeSpan.FromSeconds(int.Parse(Read("WRITEBEHIND_CLUSTER_SECONDS") ?? "0", CultureInfo.InvariantCulture));

    private static string? Read(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
