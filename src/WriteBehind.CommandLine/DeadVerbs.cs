using System.CommandLine;

namespace WriteBehind.CommandLine;

/// <summary><c>dead</c>: what the database rejected.</summary>
internal static class DeadVerbs
{
    /// <summary>How many letters of a type are looked through at most.</summary>
    private const int Most = 100_000;

    private static readonly Argument<string> Type = new("type") { Description = "The entity type." };

    private static readonly Argument<string[]> Types = new("types")
    {
        Description = "Which entity types; default all.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Argument<string> Id = new("id") { Description = "The entity." };

    private static readonly Argument<string?> IdOrAll = new("id")
    {
        Description = "The entity; or --all.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> All = new("--all")
    {
        Description = "Every dead letter of the type, or with --reason and --text those that fit.",
    };

    private static readonly Option<DeadLetterReason?> Reason = new("--reason")
    {
        Description = "Only those set aside for this reason: Rejected, Unreadable, Fenced or Unknown.",
    };

    private static readonly Option<string?> Text = new("--text")
    {
        Description = "Only those whose error or SQLSTATE has this text in it.",
    };

    private static readonly Option<int> Limit = new("--limit")
    {
        Description = "How many to show at most.",
        DefaultValueFactory = static _ => 100,
    };

    private static readonly Option<int> Skip = new("--skip") { Description = "How many to leave out before: the next page." };

    private static readonly Option<bool> Group = new("--group") { Description = "Count them by type, reason, SQLSTATE and error instead." };

    private static readonly Option<bool> Yes = new("--yes") { Description = "Don't ask." };

    public static Command Make(CarryOut carryOut)
    {
        return new Command("dead", "Dead letters: entities that the database rejected. Their states are kept in Redis.")
        {
            Verb(new("list", "Lists them, by type and id.") { Types, Reason, Text, Limit, Skip, Group }, ListAsync),
            Verb(new("show", "Shows one with its state.") { Type, Id }, ShowAsync),
            Verb(new("retry", "Makes one dirty again, or all, with all attempts.") { Type, IdOrAll, All, Reason, Text }, RetryAsync),
            Verb(
                new("discard", "Drops one, or all, and the states for good: what the database has counts again. Asks before.")
                {
                    Type, IdOrAll, All, Reason, Text, Yes,
                },
                DiscardAsync),
        };

        Command Verb(Command command, Func<Call, Task<int>> action) => Call.Make(command, carryOut, action);
    }

    /// <summary>A letter with its state, for scripts.</summary>
    public static object Describe(DeadLetterDetail detail)
    {
        var state = InspectedState.ReadJson(detail.Payload);
        var isUnread = state is null && detail.Payload is not null;
        return new
        {
            detail.Letter,
            detail.IsDelete,
            state,
            stateBase64 = isUnread ? Convert.ToBase64String(detail.Payload!.Value.Span) : null,
        };
    }

    private static async Task<int> ListAsync(Call call)
    {
        var (limit, skip) = (call.Arguments.GetValue(Limit), call.Arguments.GetValue(Skip));
        if (limit < 1 || skip < 0)
        {
            throw new UsageException("--limit must be 1 or more, --skip 0 or more.");
        }

        var letters = new List<DeadLetter>();
        foreach (var type in call.TypesOf(call.Arguments.GetValue(Types)))
        {
            letters.AddRange(await FindAsync(call, type).ConfigureAwait(false));
        }

        if (call.Arguments.GetValue(Group))
        {
            ShowGroups(call, letters);
            return Call.Done;
        }

        DeadLetter[] page = [.. letters.Skip(skip).Take(limit)];
        call.Printer.Show(new { total = letters.Count, skip, letters = page }, printer =>
        {
            if (page.Length > 0)
            {
                printer.Table(
                    ["type", "id", "version", "reason", "attempts", "since", "code", "error"],
                    page.Select(static letter => (IReadOnlyList<string>)
                    [
                        letter.Type, letter.Id, Printer.Number((long?)letter.Version), letter.Reason.ToString(),
                        Printer.Number((long?)letter.Attempts), Printer.Time(letter.SetAsideAt), letter.Code ?? "", letter.Error,
                    ]));
            }

            printer.Line(letters.Count == 0 ? "There are none."
                : page.Length == letters.Count ? $"{Printer.Number(letters.Count)} in all."
                : $"{page.Length} of {Printer.Number(letters.Count)}; --skip {skip + page.Length} shows the next.");
        });
        return Call.Done;
    }

    private static void ShowGroups(Call call, List<DeadLetter> letters)
    {
        var groups = letters.GroupBy(static letter => (letter.Type, letter.Reason, letter.Code, letter.Error))
            .Select(static group => new
            {
                group.Key.Type,
                group.Key.Reason,
                group.Key.Code,
                group.Key.Error,
                Count = group.Count(),
                First = group.Min(static letter => letter.SetAsideAt),
                Last = group.Max(static letter => letter.SetAsideAt),
                Example = group.First().Id,
            })
            .OrderByDescending(static group => group.Count).ToArray();
        call.Printer.Show(groups, printer => printer.Table(
            ["count", "type", "reason", "code", "first", "last", "for example", "error"],
            groups.Select(static group => (IReadOnlyList<string>)
            [
                Printer.Number(group.Count), group.Type, group.Reason.ToString(), group.Code ?? "", Printer.Time(group.First),
                Printer.Time(group.Last), group.Example, group.Error,
            ])));
    }

    private static async Task<int> ShowAsync(Call call)
    {
        var found = await call.Engine.DeadLetters.ShowAsync(
            call.Arguments.GetValue(Type)!, call.Arguments.GetValue(Id)!, call.Stop).ConfigureAwait(false);
        call.Printer.Show(found is null ? null : Describe(found), printer =>
        {
            if (found is null)
            {
                printer.Line("There is none.");
                return;
            }

            printer.Line($"{found.Letter.Reason} after {found.Letter.Attempts} attempts: {found.Letter.Error}");
            printer.Line(found.IsDelete ? "(a delete)"
                : found.Payload is null ? "(the entity has moved on)"
                : InspectedState.ReadJson(found.Payload)?.GetRawText() ?? Convert.ToBase64String(found.Payload.Value.Span));
        });
        return found is null ? Call.Failed : Call.Done;
    }

    private static async Task<int> RetryAsync(Call call)
    {
        var type = call.Arguments.GetValue(Type)!;
        var (ids, _) = await ChooseAsync(call, type).ConfigureAwait(false);
        return await EachAsync(call, type, ids, "retried", call.Engine.DeadLetters.RetryAsync).ConfigureAwait(false);
    }

    private static async Task<int> DiscardAsync(Call call)
    {
        var type = call.Arguments.GetValue(Type)!;
        var (ids, isOne) = await ChooseAsync(call, type).ConfigureAwait(false);
        if (ids.Count > 0)
        {
            var what = isOne
                ? $"the dead letter of {type} '{ids[0]}' and its state"
                : $"{ids.Count} dead letters of {type} and their states";
            if (!await call.ConfirmAsync(Yes, $"Discard {what} for good?").ConfigureAwait(false))
            {
                return Call.Failed;
            }
        }

        return await EachAsync(call, type, ids, "discarded", call.Engine.DeadLetters.DiscardAsync).ConfigureAwait(false);
    }

    private static async Task<int> EachAsync(
        Call call, string type, IReadOnlyList<string> ids, string action, Func<string, string, CancellationToken, Task<bool>> act)
    {
        var done = new List<string>();
        var failures = new List<string>();
        try
        {
            foreach (var id in ids)
            {
                try
                {
                    if (await act(type, id, call.Stop).ConfigureAwait(false))
                    {
                        done.Add(id);
                    }
                }
                catch (Exception e) when (e is PayloadException or WriteConflictException && ids.Count > 1)
                {
                    // One that can't be dealt with keeps no other from it.
                    failures.Add(e.Message);
                }
            }
        }
        finally
        {
            if (done.Count > 0)
            {
                var some = string.Join(", ", done.Take(20).Select(static id => $"'{id}'"));
                call.Note($"{action} {done.Count} dead letters of {type}: {some}{(done.Count > 20 ? ", …" : "")}");
            }
        }

        call.Printer.Show(new { action, count = done.Count, failures }, printer =>
        {
            printer.Line(done.Count == 0 && failures.Count == 0 ? "There is none." : $"{Printer.Number(done.Count)} {action}.");
            failures.ForEach(printer.Line);
        });
        return done.Count > 0 && failures.Count == 0 ? Call.Done : Call.Failed;
    }

    /// <summary>The entities that are meant: one that is named, or all that fit.</summary>
    private static async Task<(IReadOnlyList<string> Ids, bool IsOne)> ChooseAsync(Call call, string type)
    {
        var (id, all) = (call.Arguments.GetValue(IdOrAll), call.Arguments.GetValue(All));
        if (id is null != all)
        {
            throw new UsageException("Name an id, or say --all.");
        }

        if (id is not null && (call.Arguments.GetValue(Reason) is not null || call.Arguments.GetValue(Text) is not null))
        {
            throw new UsageException("--reason and --text go with --all.");
        }

        return id is not null
            ? ([id], true)
            : ([.. (await FindAsync(call, type).ConfigureAwait(false)).Select(static letter => letter.Id)], false);
    }

    private static async Task<IReadOnlyList<DeadLetter>> FindAsync(Call call, string type)
    {
        var (reason, text) = (call.Arguments.GetValue(Reason), call.Arguments.GetValue(Text));
        var letters = await call.Engine.DeadLetters.ListAsync(type, Most, call.Stop).ConfigureAwait(false);
        if (letters.Count == Most)
        {
            await call.TellAsync($"{type} has {Printer.Number(Most)} dead letters or more; no more than these are looked at.")
                .ConfigureAwait(false);
        }

        return [.. letters
            .Where(letter => (reason is null || letter.Reason == reason)
                && (text is null || letter.Error.Contains(text, StringComparison.OrdinalIgnoreCase) || letter.Code == text))
            .OrderBy(static letter => letter.Id, StringComparer.Ordinal)];
    }
}
