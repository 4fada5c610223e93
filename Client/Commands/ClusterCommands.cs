using System.CommandLine;
using System.Globalization;
using Client.Cluster;
using Client.Output;
using Npgsql;
using Proof;
using Spectre.Console;
using StackExchange.Redis;

namespace Client.Commands;

/// <summary>What commands that talk to a cluster have in common: connecting, errors, exit codes, JSON.</summary>
internal static class ClusterCommands
{
    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "Print the result as JSON: an object, a list where there may be several, null where there is none.",
    };

    public static Option<double> Timeout { get; } = new("--timeout")
    {
        Description = "How many seconds to look for a silo, and to wait for each answer (default 10).",
        HelpName = "SECONDS",
        Recursive = true,
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 3600)
            {
                return seconds;
            }

            result.AddError($"--timeout is '{text}'; it must be a number of seconds above 0, at most 3600.");
            return 0;
        },
    };

    public static TimeSpan Patience(ParseResult arguments)
        => TimeSpan.FromSeconds(arguments.GetValue(Timeout) is > 0 and var given ? given : 10);

    /// <summary>Has a command talk to the cluster.</summary>
    public static Command Make(Command command, Func<Call, Task<int>> action)
    {
        command.Add(Json);
        command.SetAction((arguments, cancellationToken) => WithClusterAsync(
            arguments,
            (cluster, stop) => action(new Call(arguments, cluster, new Printer(arguments.GetValue(Json), AnsiConsole.Console), stop)),
            cancellationToken));
        return command;
    }

    /// <summary>Connects, and does something until it is done or Ctrl-C is pressed.</summary>
    public static async Task<int> WithClusterAsync(
        ParseResult arguments, Func<ClusterConnection, CancellationToken, Task<int>> action, CancellationToken cancellationToken)
    {
        using var interruption = new Interruption("Stopping.", cancellationToken);
        return await GuardAsync(
            async () =>
            {
                await using var cluster = await ClusterConnection.OpenAsync(ClusterSettings.Read(Patience(arguments)), interruption.Token);
                return await action(cluster, interruption.Token).WaitAsync(interruption.Token);
            },
            interruption.Token);
    }

    /// <summary>Turns errors into messages and exit codes.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> action, CancellationToken stop)
    {
        try
        {
            return await action();
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Usage;
        }
        catch (NoSiloException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Unreachable;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (ArgumentException e)
        {
            // An id or a name that Orleans or the library does not take. Connection strings are parsed where their messages are replaced.
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Usage;
        }
        catch (RedisException e)
        {
            await Console.Error.WriteLineAsync($"FAILED: Redis: {e.Message}");
            return ExitCode.Failed;
        }
        catch (Exception e) when (e is RunFailedException or NpgsqlException or FormatException || Errors.IsOfCall(e))
        {
            var error = Errors.Unwrap(e);
            await Console.Error.WriteLineAsync($"FAILED: {error.Message}");
            if (error is not (RunFailedException or NpgsqlException or FormatException) && !Errors.IsCertainlyNotApplied(error))
            {
                await Console.Error.WriteLineAsync("If this was a change, whether it was made is unknown: look before you try again.");
            }

            return ExitCode.Failed;
        }
    }
}
