namespace Proof.Options;

/// <summary>What one run does.</summary>
public sealed record ProofOptions
{
    public const long DefaultWrites = 200_000;
    public const long DefaultEntities = 2_000;
    public const long DefaultConcurrency = 256;

    /// <summary>
    /// How many movements to make, null for <see cref="DefaultWrites"/>; with an input file the most of its rows to replay, null for all.
    /// </summary>
    public long? Writes { get; init; }

    /// <summary>Over how many products they are spread; null for <see cref="DefaultEntities"/>.</summary>
    public long? Entities { get; init; }

    /// <summary>How many callers write at once, each waiting for its acknowledgement before its next write.</summary>
    public long Concurrency { get; init; }

    /// <summary>Makes the same run again.</summary>
    public long Seed { get; init; }

    /// <summary>Kill a process of the service with SIGKILL half-way and start it again.</summary>
    public bool Crash { get; init; }

    /// <summary>A CSV file to replay; null for generated movements.</summary>
    public string? Input { get; init; }

    /// <summary>The column of the product.</summary>
    public string? Key { get; init; }

    /// <summary>The column of the amount.</summary>
    public string? Amount { get; init; }

    /// <summary>Stay up after the load.</summary>
    public bool Serve { get; init; }

    /// <summary>Where the summary goes as JSON; null for nowhere.</summary>
    public string? Json { get; init; }

    /// <summary>The assembly of the service to start; null for one that is running already and stays.</summary>
    public string? Service { get; init; }

    /// <summary>Where the log of a service that is started goes.</summary>
    public string Log { get; init; } = "";

    /// <summary>Whether the run starts and stops the service.</summary>
    public bool IsOwned => Service is not null;

    /// <summary>Checks that the options have sense, each and together.</summary>
    /// <exception cref="UsageException">They have not; the message has a line for each that is wrong.</exception>
    public void Validate()
    {
        string?[] problems =
        [
            Range("--writes", Writes ?? 0, 0, 1_000_000_000),
            Range("--entities", Entities ?? 1, 1, 1_000_000),
            Range("--concurrency", Concurrency, 1, 10_000),
            Input is not null && Entities is not null ? "--entities does not go with --input: the products are those of the file." : null,
            Column("--key", Key),
            Column("--amount", Amount),
            Service is not null && !File.Exists(Service)
                ? $"The service '{Service}' is not there; build it, or name it with --service."
                : null,
        ];
        if (problems.OfType<string>().ToList() is { Count: > 0 } found)
        {
            throw new UsageException(string.Join(Environment.NewLine, found));
        }
    }

    private static string? Range(string option, long value, long least, long most)
        => value < least || value > most ? $"{option} is {value}; it must be from {least} to {most}." : null;

    private string? Column(string option, string? column) => (Input is not null, string.IsNullOrWhiteSpace(column)) switch
    {
        (true, true) => $"--input needs {option} COLUMN.",
        (false, false) => $"{option} belongs to --input FILE.csv.",
        _ => null,
    };
}
