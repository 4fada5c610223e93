using FsCheck;
using FsCheck.Fluent;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// Makes up scenarios, and makes failing ones smaller. Each scenario has favourite moves of its own and leaves others out: that leads
/// deeper than lists in which everything is equally likely.
/// </summary>
internal static class Scenarios
{
    private static readonly (int Weight, Move Move)[] Weights =
    [
        (3, Move.Set), (1, Move.SetIf), (4, Move.Update), (3, Move.Delete), (2, Move.Get), (3, Move.Flush), (2, Move.Sweep),
        (3, Move.Load), (5, Move.OwnerPuts), (2, Move.OwnerDeletes), (2, Move.Fill),
        (6, Move.FlushStep), (4, Move.SweepStep), (1, Move.Crash), (3, Move.Arrive), (3, Move.Wait), (1, Move.Wipe),
    ];

    public static Arbitrary<Scenario> All { get; } = Arb.From(Generate(), Shrink);

    private static Gen<Scenario> Generate()
        => from keeps in Gen.Elements(false, true)
           from hasRows in Gen.Elements(false, true)
           from favour in Gen.ArrayOf(Gen.Elements(0, 1, 1, 4), Weights.Length)
           from length in Gen.Choose(10, 60)
           from commands in Gen.ListOf(OneOf(favour), length)
           select new Scenario(keeps, hasRows, [.. commands]);

    private static Gen<Command> OneOf(int[] favour)
    {
        // Without any write nothing would happen at all.
        var moves = Weights.Select(
            (weight, i) => (Math.Max(weight.Weight * favour[i], weight.Move == Move.Update ? 1 : 0), Of(weight.Move)));
        return Gen.Frequency(moves.Where(move => move.Item1 > 0));
    }

    private static Gen<Command> Of(Move move)
        => from who in Gen.Choose(0, 1)
           from entity in Gen.Frequency((8, Gen.Constant(0)), (2, Gen.Constant(1)), (1, Gen.Constant(2)))
           from trouble in Gen.Frequency(
               (9, Gen.Constant(Trouble.None)), (1, Gen.Constant(Trouble.Refused)), (2, Gen.Constant(Trouble.AnswerLost)),
               (3, Gen.Constant(Trouble.HeldUp)))
           from meanwhile in Gen.Elements<Move?>(null, Move.Update, Move.Delete, Move.Set, Move.Flush, Move.Sweep)
           from interval in Gen.Frequency(
               (4, Gen.Constant(Interval.Moment)), (5, Gen.Constant(Interval.Lease)), (4, Gen.Constant(Interval.Fence)),
               (1, Gen.Constant(Interval.Day)))
           select Needed(new Command(move, who, entity, trouble, meanwhile, interval));

    /// <summary>Takes out what the move does not look at.</summary>
    private static Command Needed(Command command)
    {
        var troubled = command.Move is Move.Set or Move.Update or Move.Delete or Move.Load
            or Move.OwnerPuts or Move.OwnerDeletes or Move.FlushStep or Move.SweepStep;
        var resends = command.Move is Move.Set or Move.Update or Move.Delete && command.Trouble != Trouble.None;
        return command with
        {
            Who = command.Move is Move.Wait or Move.Wipe ? 0 : command.Who,
            Entity = command.Move is Move.Sweep or Move.SweepStep or Move.Crash or Move.Arrive or Move.Wait or Move.Wipe
                ? 0
                : command.Entity,
            Trouble = troubled ? command.Trouble : Trouble.None,
            Meanwhile = resends ? command.Meanwhile : null,
            Interval = command.Move == Move.Wait ? command.Interval : Interval.Moment,
        };
    }

    /// <summary>First without ever smaller parts, then with simpler commands.</summary>
    private static IEnumerable<Scenario> Shrink(Scenario scenario)
    {
        var commands = scenario.Commands;
        for (var size = Math.Max(1, commands.Count / 2); size > 0 && commands.Count > 0; size /= 2)
        {
            for (var at = 0; at < commands.Count; at += size)
            {
                yield return scenario with { Commands = [.. commands.Take(at), .. commands.Skip(at + size)] };
            }
        }

        for (var i = 0; i < commands.Count; i++)
        {
            foreach (var simpler in Simpler(commands[i]))
            {
                yield return scenario with { Commands = [.. commands.Take(i), simpler, .. commands.Skip(i + 1)] };
            }
        }

        if (scenario.Keeps)
        {
            yield return scenario with { Keeps = false };
        }

        if (scenario.HasRows)
        {
            yield return scenario with { HasRows = false };
        }
    }

    private static IEnumerable<Command> Simpler(Command command)
    {
        Command[] candidates =
        [
            command with { Trouble = Trouble.None, Meanwhile = null },
            command with { Meanwhile = null },
            command with
            {
                Move = command.Move is Move.SweepStep ? Move.FlushStep : command.Move is Move.Sweep ? Move.Flush : command.Move,
            },
            command with { Entity = 0 },
            command with { Who = 0 },
            command with { Interval = Interval.Moment },
            command with { Interval = command.Interval > Interval.Lease ? Interval.Lease : command.Interval },
        ];
        return candidates.Where(candidate => candidate != command).Distinct();
    }
}
