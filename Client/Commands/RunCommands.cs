using System.CommandLine;
using Client.Cluster;
using Client.Load;
using Client.Verification;
using Proof;
using Proof.Options;

namespace Client.Commands;

/// <summary>
/// <c>load</c>, <c>replay</c> and <c>prove</c>: many movements from many callers, and PostgreSQL compared with what was acknowledged.
/// </summary>
internal static class RunCommands
{
    private const int DefaultSilos = 3;

    private static readonly Argument<string> File = new("file") { Description = "A CSV file; its first line names the columns." };

    private static readonly Option<long?> Silos = ProofArguments.Number("--silos", $"How many silos to start (default {DefaultSilos}).");

    public static IEnumerable<Command> All() => [LoadCommand(), ReplayCommand(), ProveCommand()];

    private static Command LoadCommand()
    {
        var command = new Command(
            "load",
            "Moves stock from many callers at once, a few products far more than the others, and compares grains, Redis and PostgreSQL " +
            "with what was acknowledged. Nobody else may move stock meanwhile. WRITEBEHIND_POSTGRES names the database.")
        {
            ProofArguments.Writes, ProofArguments.Entities, ProofArguments.Concurrency, ProofArguments.Seed, ProofArguments.Json,
        };
        command.SetAction((arguments, stop) => DriveAsync(arguments, ProofArguments.Read(arguments), stop));
        return command;
    }

    private static Command ReplayCommand()
    {
        var command = new Command("replay", "The same with the rows of a CSV file. Rows that make no movement are counted and shown.")
        {
            File, ProofArguments.Key, ProofArguments.Amount, ProofArguments.Writes, ProofArguments.Concurrency, ProofArguments.Json,
        };
        command.SetAction((arguments, stop) => DriveAsync(
            arguments, ProofArguments.Read(arguments) with { Input = arguments.GetValue(File) }, stop));
        return command;
    }

    private static Command ProveCommand()
    {
        var command = new Command(
            "prove",
            "Starts silos of its own on this machine, drives them like `load` or `replay`, stops them, and compares PostgreSQL with what " +
            "was acknowledged. What ./run.sh does. Exit code: 0 verified, 1 a difference or a failed run, 2 a wrong option or input, " +
            "130 interrupted.")
        {
            Silos,
        };
        foreach (var option in ProofArguments.All)
        {
            command.Add(option);
        }

        command.SetAction((arguments, stop) =>
        {
            var options = ProofArguments.Read(arguments);
            options = options with { Service = options.Service ?? BuiltBeside.Find("Client", "Silo", "Silo.dll") };
            return ClusterCommands.GuardAsync(
                () => ProofSession.RunAsync(options, setup => new SiloFleet(setup, SiloCount(arguments)), stop), stop);
        });
        return command;
    }

    private static int SiloCount(ParseResult arguments) => (arguments.GetValue(Silos) ?? DefaultSilos) switch
    {
        >= 1 and <= 16 and var silos => (int)silos,
        var silos => throw new UsageException($"--silos is {silos}; it must be from 1 to 16."),
    };

    private static Task<int> DriveAsync(ParseResult arguments, ProofOptions options, CancellationToken stop) => ClusterCommands.GuardAsync(
        async () =>
        {
            options.Validate();
            var postgres = ProofSession.Setting("WRITEBEHIND_POSTGRES");
            await using var cluster = await ClusterConnection.OpenAsync(ClusterSettings.Read(ClusterCommands.Patience(arguments)), stop);
            await using var verify = await Verify.OpenAsync(cluster, postgres, stop);
            return await ProofSession.RunAsync(options, _ => new ClusterSubject(cluster, verify), stop);
        },
        stop);
}
