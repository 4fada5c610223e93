using System.CommandLine;
using System.Globalization;
using Proof;

namespace Client.Commands;

/// <summary><c>dead</c>: what PostgreSQL rejected.</summary>
internal static class DeadCommands
{
    private static readonly Argument<string> Type = new("type") { Description = "The entity type: stock, score or views." };

    private static readonly Argument<string> Id = new("id") { Description = "The entity." };

    private static readonly Argument<string?> IdOrAll = new("id")
    {
        Description = "The entity; or --all.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> All = new("--all") { Description = "Every dead letter of the type." };

    private static readonly Option<long?> Limit = Proof.Options.ProofArguments.Number("--limit", "How many to show at most (default 100).");

    public static Command Make() => new("dead", "Dead letters: entities that PostgreSQL rejected. Their states are kept in Redis.")
    {
        ClusterCommands.Make("list", "Lists them.", [Type, Limit], ListAsync),
        ClusterCommands.Make("show", "Shows one with its state.", [Type, Id], ShowAsync),
        ClusterCommands.Make("retry", "Tries one again, or all.", [Type, IdOrAll, All], RetryAsync),
        ClusterCommands.Make("discard", "Drops one and its state for good: what PostgreSQL has counts again.", [Type, Id], DiscardAsync),
    };

    private static async Task<int> ListAsync(Call call)
    {
        var limit = call.Arguments.GetValue(Limit) ?? 100;
        if (limit is < 1 or > 1_000)
        {
            throw new UsageException($"--limit is {limit}; it must be from 1 to 1000.");
        }

        var letters = await call.Cluster.Operator.ListDeadAsync(call.Arguments.GetValue(Type)!, (int)limit);
        return call.Done(letters, printer =>
        {
            if (letters.Count == 0)
            {
                printer.Line("There are none.");
            }
            else
            {
                printer.Table(
                    ["id", "version", "reason", "attempts", "since", "error"],
                    letters.Select(letter => (IReadOnlyList<string>)
                    [
                        letter.Id, letter.Version.ToString(CultureInfo.InvariantCulture), letter.Reason,
                        letter.Attempts.ToString(CultureInfo.InvariantCulture),
                        letter.Since.ToString("u", CultureInfo.InvariantCulture), letter.Error,
                    ]));
            }
        });
    }

    private static async Task<int> ShowAsync(Call call)
    {
        var found = await call.Cluster.Operator.ShowDeadAsync(call.Arguments.GetValue(Type)!, call.Arguments.GetValue(Id)!);
        call.Printer.Show(found, printer =>
        {
            if (found is null)
            {
                printer.Line("There is none.");
                return;
            }

            printer.Line($"{found.Letter.Reason} after {found.Letter.Attempts} attempts: {found.Letter.Error}");
            printer.Line(found.IsDelete ? "(a delete)" : found.State ?? "(the entity has moved on)");
        });
        return found is null ? ExitCode.Failed : ExitCode.Verified;
    }

    private static async Task<int> RetryAsync(Call call)
    {
        var id = call.Arguments.GetValue(IdOrAll);
        if (id is null != call.Arguments.GetValue(All))
        {
            throw new UsageException("Name an id, or say --all.");
        }

        return Report(call, "retried", await call.Cluster.Operator.RetryDeadAsync(call.Arguments.GetValue(Type)!, id));
    }

    private static async Task<int> DiscardAsync(Call call) => Report(
        call, "discarded",
        await call.Cluster.Operator.DiscardDeadAsync(call.Arguments.GetValue(Type)!, call.Arguments.GetValue(Id)!) ? 1 : 0);

    private static int Report(Call call, string action, long count)
    {
        call.Printer.Show(new { action, count }, printer => printer.Line(count == 0 ? "There is none." : $"{count} {action}."));
        return count == 0 ? ExitCode.Failed : ExitCode.Verified;
    }
}
