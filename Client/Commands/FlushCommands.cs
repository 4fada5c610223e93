using System.CommandLine;
using System.Globalization;
using Client.Cluster;
using Proof;
using Silo.Contracts.Operations;

namespace Client.Commands;

/// <summary><c>flush</c> and <c>drain</c>.</summary>
internal static class FlushCommands
{
    private static readonly Argument<string?> Type = new("type")
    {
        Description = "With an id: the entity's type.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Argument<string?> Id = new("id") { Description = "Flush only this entity.", Arity = ArgumentArity.ZeroOrOne };

    private static readonly Option<long?> Within = Proof.Options.ProofArguments.Number(
        "--within", "How many seconds it may take (flush: default 30, drain: 60).");

    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestRound = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    public static IEnumerable<Command> All() =>
    [
        ClusterCommands.Make(
            new("flush", "Flushes what is dirty now, or one entity; returns when PostgreSQL has it.") { Type, Id, Within }, FlushAsync),
        ClusterCommands.Make(
            new("drain", "Flushes until nothing is dirty any more, also what is written meanwhile.") { Within }, DrainAsync),
    ];

    /// <summary>
    /// How long a single call may flush: half of what its answer is waited for, so that a silo that takes its time is not taken for one
    /// that is lost. What takes longer is done in several calls.
    /// </summary>
    internal static TimeSpan Round(TimeSpan patience, TimeSpan left)
    {
        var longest = patience / 2 < LongestRound ? patience / 2 : LongestRound;
        return left < ShortestRound ? ShortestRound < longest ? ShortestRound : longest : left < longest ? left : longest;
    }

    /// <summary>Whether there is nothing left to flush: nothing is dirty, or only what PostgreSQL has just rejected.</summary>
    internal static bool IsDrained(FlushSummary round) => round.IsCounted && round.Dirty is { } dirty
        && (dirty.Count == 0
            || (round.Flushed == 0 && dirty.All(left => left.Value <= round.Rejected.Count(name => TypeOf(name) == left.Key))));

    private static async Task<int> FlushAsync(Call call)
    {
        var limit = Limit(call, 30);
        if (call.Arguments.GetValue(Type) is not { } type)
        {
            return await FlushAllAsync(
                call, "flush", limit, round => round.IsCounted && (round.Remaining.Count == 0 || round.Rejected.Count > 0));
        }

        var id = call.Arguments.GetValue(Id) ?? throw new UsageException($"Name an entity of '{type}', or neither type nor id.");
        string[] json = call.Arguments.GetValue(ClusterCommands.Json) ? ["--json"] : [];
        var within = string.Create(CultureInfo.InvariantCulture, $"--within={limit.TotalSeconds}s");
        return await RemoteCommands.RunAsync(call.Cluster, ["flush", within, .. json, "--", type, id], call.Stop);
    }

    private static Task<int> DrainAsync(Call call) => FlushAllAsync(call, "drain", Limit(call, 60), IsDrained);

    private static async Task<int> FlushAllAsync(Call call, string name, TimeSpan limit, Func<FlushSummary, bool> isDone)
    {
        var clock = new Clock(limit);
        var flushed = 0L;
        var rejected = new SortedSet<string>(StringComparer.Ordinal);
        FlushSummary round;
        while (true)
        {
            round = await call.Cluster.Operator.FlushAsync(Round(call.Cluster.Settings.Patience, clock.Left)).WaitAsync(call.Stop);
            flushed += round.Flushed;
            rejected.UnionWith(round.Rejected);
            if (isDone(round) || clock.Left <= Pause)
            {
                break;
            }

            await Task.Delay(Pause, call.Stop);
        }

        // A drain answers for all there is, a flush for what was there when it began.
        var remaining = name == "drain" && round.Dirty is { } dirty ? dirty : round.Remaining;
        var isKnown = round.IsCounted && (name != "drain" || round.Dirty is not null);
        var result = round with { Flushed = flushed, Remaining = remaining, Rejected = [.. rejected] };
        var unknown = isKnown ? "" : ", and an unknown number more";
        await NoteAsync(call, $"{name}: {flushed} flushed, {remaining.Values.Sum()} remain{unknown}");
        return Show(call, result, isKnown);
    }

    // Once per command: it may take many rounds, and the journal keeps a limited number of lines.
    private static async Task NoteAsync(Call call, string action)
    {
        var isNoted = false;
        try
        {
            isNoted = await call.Cluster.Operator.NoteAsync(action);
        }
        catch (Exception e) when (Errors.IsOfCall(e))
        {
            // The same as a journal that can't be written.
        }

        if (!isNoted)
        {
            await Console.Error.WriteLineAsync("It is done, but could not be noted in the journal.");
        }
    }

    private static int Show(Call call, FlushSummary result, bool isKnown)
    {
        call.Printer.Show(result, printer =>
        {
            printer.Line($"{Number(result.Flushed)} flushed.");
            foreach (var (type, count) in result.Remaining)
            {
                printer.Line($"{Number(count)} {type} still dirty; safe in Redis.");
            }

            if (!isKnown)
            {
                var types = result.Uncounted is { Count: > 0 } some ? $"of {string.Join(", ", some)} " : "";
                printer.Line($"How much {types}is left is not known: Redis does not answer, refuses, or came back empty.");
            }

            foreach (var rejected in result.Rejected)
            {
                printer.Line($"rejected: {rejected} (dead list {TypeOf(rejected)})");
            }
        });

        // Unknown is not zero.
        return isKnown && result.Remaining.Count == 0 ? ExitCode.Verified : ExitCode.Failed;
    }

    private static TimeSpan Limit(Call call, long usual) => (call.Arguments.GetValue(Within) ?? usual) switch
    {
        >= 1 and <= 3600 and var seconds => TimeSpan.FromSeconds(seconds),
        var seconds => throw new UsageException($"--within is {seconds}; it must be from 1 to 3600 seconds."),
    };

    private static string TypeOf(string rejected) => rejected.Split(' ')[0];

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private sealed class Clock(TimeSpan limit)
    {
        private readonly long _started = TimeProvider.System.GetTimestamp();

        public TimeSpan Left => limit - TimeProvider.System.GetElapsedTime(_started);
    }
}
