using System.Globalization;
using Chaos.Faults;

namespace Chaos;

/// <summary>What a run is to do.</summary>
internal sealed record ChaosArguments
{
    /// <summary>For how long things go wrong.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What faults and calls are drawn from.</summary>
    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>Whether grains in three silos are written to, instead of the engine in three processes.</summary>
    public bool IsOfSilos { get; init; }

    /// <summary>Only faults whose name contains one of these.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Which servers there are.</summary>
    public Topology Topology { get; init; }

    /// <summary>Whether Redis loses what it acknowledged, too.</summary>
    public bool HasLosses { get; init; }

    /// <summary>Where the result is written, too.</summary>
    public string? Json { get; init; }

    /// <summary>Whether each fault is said as it happens.</summary>
    public bool IsVerbose { get; init; }

    /// <summary>Which part of the protocol is switched off.</summary>
    public string? Mutant { get; init; }

    /// <summary>Whether all of these parts are, one after the other.</summary>
    public bool IsOfMutants { get; init; }

    /// <exception cref="UsageException">They can't be carried out.</exception>
    public static ChaosArguments Parse(IReadOnlyList<string> arguments)
    {
        var parsed = new ChaosArguments();
        for (var i = 0; i < arguments.Count; i++)
        {
            var option = arguments[i];
            string Value() => ++i < arguments.Count ? arguments[i] : throw new UsageException($"{option} needs a value.");
            parsed = option switch
            {
                "--seconds" => parsed with { Time = TimeSpan.FromSeconds(Number(option, Value())) },
                "--seed" => parsed with { Seed = Number(option, Value()) },
                "--mode" => parsed with { IsOfSilos = Mode(Value()) },
                "--faults" => parsed with { Faults = Value().Split(',', StringSplitOptions.RemoveEmptyEntries) },
                "--topology" => parsed with { Topology = TopologyOf(Value()) },
                "--losses" => parsed with { HasLosses = true },
                "--json" => parsed with { Json = Value() },
                "--mutant" => parsed with { Mutant = Value() },
                "--mutants" => parsed with { IsOfMutants = true },
                "--verbose" => parsed with { IsVerbose = true },
                _ => throw new UsageException($"Unknown option {option}."),
            };
        }

        return Checked(parsed with
        {
            // Whoever names such a fault wants it.
            HasLosses = parsed.HasLosses || parsed.Faults.Any(static fault => fault is "redis-emptied" or "redis-restored"),
            Topology = parsed.Faults.Select(TopologyFaults.NeededBy).FirstOrDefault(static needed => needed is not null) ?? parsed.Topology,
        });
    }

    private static ChaosArguments Checked(ChaosArguments parsed)
        => parsed.HasLosses && (parsed.IsOfSilos || parsed.Topology is Topology.Sentinel or Topology.Cluster)
            ? throw new UsageException("--losses go with --mode engine, as silos have their membership in Redis, and with one Redis.")
            : parsed.IsOfSilos && parsed.Topology is Topology.Sentinel or Topology.Cluster
                ? throw new UsageException("--topology sentinel and cluster go with --mode engine.")
                : parsed;

    private static Topology TopologyOf(string value)
        => Enum.TryParse<Topology>(value, ignoreCase: true, out var topology) && !char.IsDigit(value[0])
            ? topology
            : throw new UsageException($"--topology is plain, sentinel, cluster or standby, not '{value}'.");

    private static int Number(string option, string value)
        => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new UsageException($"{option} needs a positive number, not '{value}'.");

    private static bool Mode(string value) => value switch
    {
        "engine" => false,
        "silos" => true,
        _ => throw new UsageException($"--mode is engine or silos, not '{value}'."),
    };
}

/// <summary>The arguments can't be carried out.</summary>
internal sealed class UsageException(string message) : Exception(message);
