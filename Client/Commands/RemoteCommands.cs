using System.CommandLine;
using Client.Cluster;
using Proof;
using Silo.Contracts.Operations;
using WriteBehind.CommandLine;

namespace Client.Commands;

/// <summary>
/// The library's own commands, carried out on a silo: <c>inspect</c>, <c>oldest</c>, <c>pause</c>, <c>resume</c>, <c>reconcile</c> and
/// <c>dead</c>. (Of <c>status</c>, <c>drain</c> and <c>flush</c> the cluster has more to tell, and <c>verify</c> here looks past the
/// library.)
/// </summary>
internal static class RemoteCommands
{
    private static readonly string[] Own = ["status", "drain", "flush", "verify"];

    public static IEnumerable<Command> All() => WriteBehindRemoteCommands.Create(
        (parsed, arguments, stop) => ClusterCommands.WithClusterAsync(
            parsed, (cluster, interrupted) => RunAsync(cluster, arguments, interrupted), stop))
        .Where(command => !Own.Contains(command.Name));

    /// <summary>Has a command carried out; asks the operator where it asks.</summary>
    public static async Task<int> RunAsync(ClusterConnection cluster, IReadOnlyList<string> arguments, CancellationToken stop)
    {
        var outcome = await CarryOutAsync(cluster, arguments, stop);
        if (outcome.IsAsked)
        {
            if (Console.IsInputRedirected)
            {
                await Console.Error.WriteLineAsync();
                throw new UsageException("Nobody is there to be asked: say --yes.");
            }

            if ((await Console.In.ReadLineAsync(stop))?.Trim() is "y" or "Y" or "yes")
            {
                var options = arguments.TakeWhile(argument => argument != "--");
                outcome = await CarryOutAsync(cluster, [.. options, "--yes", .. arguments.Skip(options.Count())], stop);
            }
        }

        return outcome.ExitCode;
    }

    private static async Task<CommandOutcome> CarryOutAsync(
        ClusterConnection cluster, IReadOnlyList<string> arguments, CancellationToken stop)
    {
        var outcome = await cluster.Operator.RunAsync(arguments, $"{Environment.UserName}@{Environment.MachineName}").WaitAsync(stop);
        await Console.Out.WriteAsync(outcome.Output);
        await Console.Error.WriteAsync(outcome.Errors);
        return outcome;
    }
}
