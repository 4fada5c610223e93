namespace WriteBehind.Tests.Protocol;

/// <summary>
/// Goes through every order in which things can happen, breadth first, so that the first breach found has a shortest trace.
/// </summary>
internal sealed class Explorer
{
    /// <summary>Keeps memory in bounds. An exploration that reaches it proves nothing, so it is an error.</summary>
    private const int MostStates = 10_000_000;

    private readonly WorldSet _seen = new();
    private readonly Moves _moves = new();
    private readonly WriterMoves _writers;
    private readonly FlusherMoves _flushers;
    private readonly OtherMoves _others;

    private Explorer(ProtocolRules rules)
    {
        var redis = new Redis(rules);
        _writers = new WriterMoves(rules, redis);
        _flushers = new FlusherMoves(rules, redis, new Database(rules));
        _others = new OtherMoves(rules, redis);
        _seen.Add(World.Start(rules), parent: -1);
    }

    public static Exploration Explore(ProtocolRules rules) => new Explorer(rules).Run();

    private Exploration Run()
    {
        for (var number = 0; number < _seen.Count; number++)
        {
            if (_seen.Count > MostStates)
            {
                throw new InvalidOperationException($"More than {MostStates:N0} states: choose a smaller bound.");
            }

            var before = _seen[number];
            FindMoves(before);
            for (var i = 0; i < _moves.Count; i++)
            {
                ref readonly var after = ref _moves.WorldAt(i);
                if (Promises.BrokenBy(before, after) is { } broken)
                {
                    var last = Line(_moves.MoveAt(i), after);
                    return new Exploration(_seen.Count, broken, [.. TraceTo(number), last]);
                }

                _seen.Add(after, number);
            }
        }

        return new Exploration(_seen.Count, null, []);
    }

    private void FindMoves(in World world)
    {
        _moves.Clear();
        _writers.Add(world, _moves);
        _flushers.Add(world, _moves);
        _others.Add(world, _moves);
    }

    /// <summary>The lines that lead to a state. Only states and their parents are kept, so the moves are found again.</summary>
    private List<string> TraceTo(int number)
    {
        List<string> lines = [];
        for (var parent = _seen.ParentOf(number); parent >= 0; parent = _seen.ParentOf(number))
        {
            FindMoves(_seen[parent]);
            var move = 0;
            while (!World.AsWords(in _moves.WorldAt(move)).SequenceEqual(World.AsWords(in _seen[number])))
            {
                move++;
            }

            lines.Insert(0, Line(_moves.MoveAt(move), _seen[number]));
            number = parent;
        }

        return lines;
    }

    private static string Line(Move move, in World after) => $"{move,-60} {after}";
}
