using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace WriteBehind.CommandLine;

/// <summary>The commands, but for those about dead letters.</summary>
internal static class Verbs
{
    private const int Shown = 20;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private static readonly Argument<string> Type = new("type") { Description = "The entity type." };

    private static readonly Argument<string[]> Types = new("types")
    {
        Description = "Which entity types; default all.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Argument<string> Id = new("id") { Description = "The entity." };

    private static readonly Option<int> Limit = new("--limit")
    {
        Description = "How many of a type to show at most (1 to 1000).",
        DefaultValueFactory = static _ => Shown,
    };

    private static readonly Option<TimeSpan> FlushWithin = Duration("--within", TimeSpan.FromSeconds(25), "How long it may take");

    private static readonly Option<TimeSpan> DrainWithin = Duration("--within", TimeSpan.FromMinutes(1), "How long it may take");

    private static readonly Option<TimeSpan> For = Duration("--for", FlushPause.DefaultDuration, "How long, an hour at most");

    private static readonly Option<bool> Yes = new("--yes") { Description = "Don't ask." };

    public static IEnumerable<Command> All(CarryOut carryOut)
    {
        return
        [
            Verb(new("status", "Shows the backlog of each type, pauses, and what Redis may lose."), StatusAsync),
            Verb(new("drain", "Flushes until nothing is dirty any more, also what is written meanwhile.") { DrainWithin }, DrainAsync),
            Verb(new("flush", "Flushes one entity; returns when the database has it.") { Type, Id, FlushWithin }, FlushAsync),
            Verb(new("inspect", "Shows one entity in all places: Redis, the row, its dead letter.") { Type, Id }, InspectAsync),
            Verb(new("oldest", "Lists the entities that have been dirty for longest.") { Types, Limit }, OldestAsync),
            Verb(
                new("pause", "Pauses the flush of a type in all processes, as for a migration; writes go on.") { Type, For }, PauseAsync),
            Verb(new("resume", "Ends the pause of a type's flush.") { Type }, ResumeAsync),
            Verb(
                new("verify", "Compares what Redis holds with the rows, by their versions; changes nothing.") { Types }, VerifyAsync),
            Verb(
                new(
                    "reconcile",
                    "Does the same and mends what can be mended without losing anything: flushes kept states again whose rows fell " +
                    "behind or are gone, drops clean entries that another program has overtaken, sets lost dirty marks.")
                {
                    Types, Yes,
                },
                ReconcileAsync),
            DeadVerbs.Make(carryOut),
        ];

        Command Verb(Command command, Func<Call, Task<int>> action) => Call.Make(command, carryOut, action);
    }

    private static async Task<int> StatusAsync(Call call)
    {
        var status = await call.Engine.GetStatusAsync(call.Stop).ConfigureAwait(false);

        // Breaker, counters and loops are those of the process that is asked; this one has none worth telling.
        var types = status.Types.Select(static type => new
        {
            type.Type,
            type.Dirty,
            type.OldestDirtyAge,
            type.MaxAge,
            type.MaxDirty,
            type.DeadLetters,
            type.Pause,
            type.BacklogAt,
        }).ToArray();
        call.Printer.Show(new { types, status.Durability }, printer =>
        {
            printer.Table(
                ["type", "dirty", "oldest", "max age", "bound", "dead letters", "flush"],
                status.Types.Select(static type => (IReadOnlyList<string>)
                [
                    type.Type, Printer.Number(type.Dirty), Printer.Seconds(type.OldestDirtyAge), Printer.Seconds(type.MaxAge),
                    Printer.Number(type.MaxDirty), Printer.Number(type.DeadLetters),
                    type.Pause is { } pause ? $"paused until {Printer.Time(pause.Until)} by {pause.By}" : "",
                ]));
            foreach (var warning in status.Durability.Warnings)
            {
                printer.Line($"warning: {warning}");
            }

            if (status.Durability.Shards?.Reason is { } reason)
            {
                printer.Line($"warning: {reason}");
            }
        });
        return status.Durability.Reachable ? Call.Done : Call.Failed;
    }

    private static async Task<int> DrainAsync(Call call)
    {
        var (limit, started) = (call.Arguments.GetValue(DrainWithin), TimeProvider.System.GetTimestamp());
        var (flushed, rejected) = (0L, new SortedSet<string>(StringComparer.Ordinal));
        FlushReport round;
        while (true)
        {
            var left = limit - TimeProvider.System.GetElapsedTime(started);
            round = await call.Engine.FlushAllAsync(left > Pause ? left : Pause, call.Stop).ConfigureAwait(false);
            flushed += round.Flushed;
            rejected.UnionWith(round.Rejected.Select(static entity => $"{entity.Type} {entity.Id}"));
            var dirty = (await call.Engine.GetStatusAsync(call.Stop).ConfigureAwait(false)).Types.Sum(static type => type.Dirty);
            var isOver = TimeProvider.System.GetElapsedTime(started) + Pause >= limit || round.Paused.Count > 0;
            if (isOver || (round.Uncounted.Count == 0 && (dirty == 0 || round is { Flushed: 0, Rejected.Count: > 0 })))
            {
                break;
            }

            await Task.Delay(Pause, call.Stop).ConfigureAwait(false);
        }

        call.Note($"drain: {flushed} flushed, {round.Remaining.Values.Sum()} remain");
        call.Printer.Show(new { flushed, round.Remaining, rejected, round.Uncounted, round.Paused, round.IsClean }, printer =>
        {
            printer.Line($"{Printer.Number(flushed)} flushed.");
            foreach (var (type, count) in round.Remaining)
            {
                printer.Line($"{Printer.Number(count)} {type} still dirty; safe in Redis.");
            }

            foreach (var pause in round.Paused)
            {
                printer.Line($"The flush of {pause.Type} is paused until {Printer.Time(pause.Until)} by {pause.By}.");
            }

            foreach (var type in round.Uncounted)
            {
                printer.Line($"How much of {type} is left is not known: Redis does not answer, refuses, or came back empty.");
            }

            foreach (var entity in rejected)
            {
                printer.Line($"rejected: {entity}");
            }
        });
        return round.IsClean ? Call.Done : Call.Failed;
    }

    private static async Task<int> FlushAsync(Call call)
    {
        var (type, id) = (call.Arguments.GetValue(Type)!, call.Arguments.GetValue(Id)!);
        await call.Engine.FlushAsync(type, id, call.Arguments.GetValue(FlushWithin), call.Stop).ConfigureAwait(false);
        call.Printer.Show(new { type, id, flushed = true }, static printer => printer.Line("Flushed: the database has it."));
        return Call.Done;
    }

    private static async Task<int> InspectAsync(Call call)
    {
        var entity = await call.Engine.InspectAsync(call.Arguments.GetValue(Type)!, call.Arguments.GetValue(Id)!, call.Stop)
            .ConfigureAwait(false);
        var letter = entity.DeadLetter is { } dead ? DeadVerbs.Describe(dead) : null;
        call.Printer.Show(
            new
            {
                entity.Type,
                entity.Id,
                entity.At,
                entity.Buffered,
                entity.DirtySince,
                entity.ClaimedUntil,
                entity.Fence,
                entity.FenceExpiresIn,
                entity.Memos,
                deadLetter = letter,
                entity.Row,
                entity.RowError,
                entity.KeyError,
                entity.Pause,
            },
            printer => Show(printer, entity));
        return entity is { Buffered: null, Row: null, DeadLetter: null, DirtySince: null, RowError: null } ? Call.Failed : Call.Done;
    }

    private static void Show(Printer printer, EntityInspection entity)
    {
        var dead = entity.DeadLetter is { } letter ? new InspectedState(letter.Letter.Version, letter.IsDelete, letter.Payload) : null;
        InspectedState?[] places = [entity.Buffered, entity.Row, dead];
        var rows = new List<IReadOnlyList<string>>
        {
            Row("version", state => Printer.Number(state.Version)),
            Row("state", static state => state.IsDelete ? "a delete" : state.Json is { ValueKind: JsonValueKind.Object } ? "" : Raw(state)),
        };
        rows.AddRange(places.SelectMany(static state => Members(state).Keys).Distinct(StringComparer.Ordinal).Select(
            member => Row($"  {member}", state => Members(state).GetValueOrDefault(member, ""))));
        printer.Table([$"{entity.Type} {entity.Id}", "Redis", "database", "dead letter"], rows);

        Tell("dirty since", Printer.Time(entity.DirtySince));
        Tell("claimed until", Printer.Time(entity.ClaimedUntil));
        Tell("kept for", Printer.Seconds(entity.Buffered?.ExpiresIn));
        Tell("fence", entity.Fence is null ? "" : $"version {entity.Fence}, for {Printer.Seconds(entity.FenceExpiresIn)}");
        Tell("memos of operations", entity.Memos == 0 ? "" : Printer.Number(entity.Memos));
        Tell("dead letter", entity.DeadLetter is { Letter: var l } ? $"{l.Reason} after {l.Attempts} attempts: {l.Error}" : "");
        Tell("row not read", entity.RowError ?? "");
        Tell("unexpected key", entity.KeyError ?? "");
        Tell("flush paused until", entity.Pause is { } pause ? $"{Printer.Time(pause.Until)} by {pause.By}" : "");

        IReadOnlyList<string> Row(string name, Func<InspectedState, string> cell)
            => [name, .. places.Select(state => state is null ? "" : cell(state))];

        void Tell(string what, string text)
        {
            if (text.Length > 0)
            {
                printer.Line($"{what}: {text}");
            }
        }
    }

    private static Dictionary<string, string> Members(InspectedState? state)
        => state?.Json is { ValueKind: JsonValueKind.Object } json
            ? json.EnumerateObject().GroupBy(static member => member.Name, StringComparer.Ordinal)
                .ToDictionary(static member => member.Key, static member => member.Last().Value.GetRawText(), StringComparer.Ordinal)
            : [];

    private static string Raw(InspectedState state)
        => state.Json?.GetRawText()
            ?? (state.Body is { } body ? string.Create(CultureInfo.InvariantCulture, $"{body.Length} bytes that are no JSON") : "moved on");

    private static async Task<int> OldestAsync(Call call)
    {
        var limit = call.Arguments.GetValue(Limit);
        if (limit is < 1 or > 1_000)
        {
            throw new UsageException($"--limit is {limit}; it must be from 1 to 1000.");
        }

        var entities = new List<DirtyEntity>();
        foreach (var type in call.TypesOf(call.Arguments.GetValue(Types)))
        {
            entities.AddRange(await call.Engine.OldestAsync(type, limit, call.Stop).ConfigureAwait(false));
        }

        call.Printer.Show(entities, printer =>
        {
            if (entities.Count == 0)
            {
                printer.Line("Nothing is dirty.");
                return;
            }

            printer.Table(
                ["type", "id", "age", "since", "claimed until"],
                entities.Select(static entity => (IReadOnlyList<string>)
                [
                    entity.Type, entity.Id, Printer.Seconds(entity.Age), Printer.Time(entity.Since), Printer.Time(entity.ClaimedUntil),
                ]));
        });
        return Call.Done;
    }

    private static async Task<int> PauseAsync(Call call)
    {
        var duration = call.Arguments.GetValue(For);
        if (duration > FlushPause.LongestDuration)
        {
            throw new UsageException("--for is longer than an hour. Pause again before its end where it takes longer.");
        }

        var pause = await call.Engine.PauseAsync(call.Arguments.GetValue(Type)!, duration, call.By, call.Stop).ConfigureAwait(false);
        call.Note($"paused the flush of {pause.Type} until {Printer.Time(pause.Until)}");
        call.Printer.Show(pause, printer => printer.Line(
            $"The flush of {pause.Type} is paused until {Printer.Time(pause.Until)}. " +
            (pause.UnderWay == 0
                ? "None is under way any more."
                : $"Of {pause.UnderWay} entities one may still be under way.")));
        return pause.UnderWay == 0 ? Call.Done : Call.Failed;
    }

    private static async Task<int> ResumeAsync(Call call)
    {
        var type = call.Arguments.GetValue(Type)!;
        var wasPaused = await call.Engine.ResumeAsync(type, call.Stop).ConfigureAwait(false);
        call.Note($"resumed the flush of {type}");
        call.Printer.Show(
            new { type, wasPaused }, printer => printer.Line(wasPaused ? $"The flush of {type} goes on." : "It was not paused."));
        return Call.Done;
    }

    private static async Task<int> VerifyAsync(Call call)
    {
        var found = await CompareAsync(call, mend: false).ConfigureAwait(false);
        Show(call, found, reconciled: false);
        return found.All(static type => type.Differing == 0) ? Call.Done : Call.Failed;
    }

    private static async Task<int> ReconcileAsync(Call call)
    {
        var before = await CompareAsync(call, mend: false).ConfigureAwait(false);
        var count = before.Sum(static type => type.Differences.Count(static difference => difference.CanBeMended));
        if (count == 0)
        {
            Show(call, before, reconciled: true);
            return before.All(static type => type.Differing == 0) ? Call.Done : Call.Failed;
        }

        foreach (var (type, difference) in before.SelectMany(static type => type.Differences.Where(
            static difference => difference.CanBeMended).Select(difference => (type.Type, difference))).Take(Shown))
        {
            await call.TellAsync($"{type} {difference.Id}: {difference.Text}").ConfigureAwait(false);
        }

        if (!await call.ConfirmAsync(Yes, $"Mend {count} entities?").ConfigureAwait(false))
        {
            return Call.Failed;
        }

        var after = await CompareAsync(call, mend: true).ConfigureAwait(false);
        call.Note($"reconciled {after.Sum(static type => type.Mended)} entities");
        Show(call, after, reconciled: true);
        return after.All(static type => type.Differing == type.Mended) ? Call.Done : Call.Failed;
    }

    private static async Task<IReadOnlyList<StoreComparison>> CompareAsync(Call call, bool mend)
    {
        var found = new List<StoreComparison>();
        foreach (var type in call.TypesOf(call.Arguments.GetValue(Types)))
        {
            found.Add(await call.Engine.CompareAsync(type, mend, call.Stop).ConfigureAwait(false));
        }

        return found;
    }

    private static void Show(Call call, IReadOnlyList<StoreComparison> found, bool reconciled) => call.Printer.Show(found, printer =>
    {
        foreach (var type in found)
        {
            foreach (var difference in type.Differences.Take(Shown))
            {
                printer.Line($"{type.Type} {difference.Id}: {difference.Text}");
            }

            var verdict = type.Differing == 0 ? "VERIFIED" : reconciled && type.Differing == type.Mended ? "RECONCILED" : "DIFFERENT";
            printer.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{verdict}: {type.Type}: {type.Compared:N0} entities that Redis knows of, {type.Dirty:N0} dirty, " +
                $"{type.DeadLetters:N0} dead letters, {type.Differing:N0} differ{(type.Mended > 0 ? $", {type.Mended:N0} mended" : "")}."));
        }
    });

    private static Option<TimeSpan> Duration(string name, TimeSpan usual, string description) => new(name)
    {
        Description = $"{description}, like 90s, 10m or 1h (default {usual.TotalSeconds:0} s).",
        HelpName = "DURATION",
        DefaultValueFactory = _ => usual,
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
            if (TryParse(text, out var duration))
            {
                return duration;
            }

            result.AddError($"{name} is '{text}'; it must be a duration above 0 and at most a day, like 90s, 10m or 1h.");
            return default;
        },
    };

    private static bool TryParse(string text, out TimeSpan duration)
    {
        var unit = text.Length > 0 ? text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 } : 0;
        var isNumber = double.TryParse(unit == 0 ? text : text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
        var seconds = number * Math.Max(unit, 1);

        // Written so that NaN is no duration.
        var isDuration = isNumber && seconds >= 0.001 && seconds <= 86_400;
        duration = isDuration ? TimeSpan.FromSeconds(seconds) : default;
        return isDuration;
    }
}
