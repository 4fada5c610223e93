namespace WriteBehind.Flush;

/// <summary>One batch on its way, with the results so far.</summary>
internal sealed class FlushBatch
{
    private readonly Dictionary<string, int> _index;
    private readonly FlushResult?[] _results;
    private readonly List<string> _later = [];

    public FlushBatch(IReadOnlyList<string> ids)
    {
        Ids = ids;
        _results = new FlushResult?[ids.Count];
        _index = new Dictionary<string, int>(ids.Count, StringComparer.Ordinal);
        for (var i = 0; i < ids.Count; i++)
        {
            _index.Add(ids[i], i);
        }
    }

    /// <summary>The entities of the round: at first all, then those that found no room in the one before.</summary>
    public IReadOnlyList<string> Ids { get; private set; }

    /// <summary>Whether nothing of it was flushed before this round.</summary>
    public bool IsFirstRound { get; private set; } = true;

    /// <summary>Whether the database answered at all in this round.</summary>
    public bool Reached { get; set; }

    public FlushResult[] Results => Array.ConvertAll(_results, result => result ?? new FlushResult(FlushOutcome.Unavailable));

    public void Set(string id, FlushResult result) => _results[_index[id]] = result;

    /// <summary>Leaves an entity to the next round.</summary>
    public void Leave(string id) => _later.Add(id);

    /// <summary>Goes on with what the last round left; false where there is nothing. Each round takes at least one of every shard, so they end.</summary>
    public bool BeginRound()
    {
        (Ids, Reached, IsFirstRound) = ([.. _later], false, false);
        _later.Clear();
        return Ids.Count > 0;
    }

    public bool IsSettled(string id) => _results[_index[id]] is { Outcome: FlushOutcome.Saved };

    /// <summary>Ends the batch.</summary>
    public void FillOpen(FlushResult result)
    {
        _later.Clear();
        for (var i = 0; i < _results.Length; i++)
        {
            _results[i] ??= result;
        }
    }
}
