using System.Globalization;

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
                "--json" => parsed with { Json = Value() },
                "--mutant" => parsed with { Mutant = Value() },
                "--mutants" => parsed with { IsOfMutants = true },
                "--verbose" => parsed with { IsVerbose = true },
                _ => throw new UsageException($"Unknown option {option}."),
            };
        }

        return parsed;
    }

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
