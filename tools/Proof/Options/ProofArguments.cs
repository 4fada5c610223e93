using System.CommandLine;
using System.Globalization;

namespace Proof.Options;

/// <summary>The options of commands that make a run.</summary>
public static class ProofArguments
{
    public static Option<long?> Writes { get; } = Number(
        "--writes",
        $"How many stock movements to make (default {ProofOptions.DefaultWrites}); "
            + "with --input the most of its rows to replay (default all).");

    public static Option<long?> Entities { get; } = Number(
        "--entities",
        $"Over how many products they are spread, the first ones far more than the last (default {ProofOptions.DefaultEntities}).");

    public static Option<long?> Concurrency { get; } = Number(
        "--concurrency",
        "How many callers write at once, each waiting for its acknowledgement before its next write " +
        $"(default {ProofOptions.DefaultConcurrency}).");

    public static Option<long?> Seed { get; } = Number("--seed", "Makes the same movements again (default 1).");

    public static Option<bool> Crash { get; } = new("--crash")
    {
        Description = "Kill a process of the service with SIGKILL half-way and start it again.",
    };

    public static Option<string?> Input { get; } = new("--input")
    {
        Description = "Replay the rows of this CSV file instead.",
        HelpName = "FILE.csv",
    };

    public static Option<string?> Key { get; } = new("--key")
    {
        Description = "With --input: the column of the product.",
        HelpName = "COLUMN",
    };

    public static Option<string?> Amount { get; } = new("--amount")
    {
        Description = "With --input: the column of the amount, a whole number; negative ones leave the stock.",
        HelpName = "COLUMN",
    };

    public static Option<bool> Serve { get; } = new("--serve")
    {
        Description = "Stay up after the load and print the address, until Ctrl-C. Without a load: --serve --writes 0.",
    };

    public static Option<string?> Json { get; } = new("--json")
    {
        Description = "Write the summary to this file as one JSON object.",
        HelpName = "FILE",
    };

    public static Option<string?> Service { get; } = new("--service")
    {
        Description = "The service's assembly; default: the one built beside this.",
        HelpName = "FILE.dll",
    };

    public static Option<string?> Log { get; } = new("--log")
    {
        Description = "Where the service's log goes; default: a temporary file.",
        HelpName = "FILE",
    };

    /// <summary>All of them, for a command that starts the service itself.</summary>
    public static IReadOnlyList<Option> All { get; } =
        [Writes, Entities, Concurrency, Seed, Crash, Input, Key, Amount, Serve, Json, Service, Log];

    /// <summary>
    /// What the arguments ask for, once they have parsed without errors. Options that the command does not have are as if not given.
    /// </summary>
    public static ProofOptions Read(ParseResult parsed) => new()
    {
        Writes = parsed.GetValue(Writes),
        Entities = parsed.GetValue(Entities),
        Concurrency = parsed.GetValue(Concurrency) ?? ProofOptions.DefaultConcurrency,
        Seed = parsed.GetValue(Seed) ?? 1,
        Crash = parsed.GetValue(Crash),
        Input = parsed.GetValue(Input),
        Key = parsed.GetValue(Key),
        Amount = parsed.GetValue(Amount),
        Serve = parsed.GetValue(Serve),
        Json = parsed.GetValue(Json),
        Service = parsed.GetValue(Service),
        Log = parsed.GetValue(Log) ?? Path.Combine(Path.GetTempPath(), $"writebehind-service-{Environment.ProcessId}.log"),
    };

    /// <summary>
    /// An option that takes a whole number. Parsed here, as the library's own error names the CLR type instead of what would be right.
    /// </summary>
    public static Option<long?> Number(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
            if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            {
                return number;
            }

            result.AddError($"{name} is '{text}'; it must be a whole number.");
            return null;
        },
    };
}
