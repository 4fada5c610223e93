namespace WriteBehind.Flushing;

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

/// <summary>What a flush did with one entity.</summary>
internal enum FlushOutcome
{
    /// <summary>It was not dirty.</summary>
    Clean,

    /// <summary>It is in the database and clean.</summary>
    Saved,

    /// <summary>What was claimed is in the database; a newer write keeps it dirty.</summary>
    Moved,

    /// <summary>What was claimed was not saved (it can't be, or the database has a newer row), but a newer write has taken its place and is dirty.</summary>
    Overtaken,

    /// <summary>Another flusher holds it.</summary>
    Held,

    /// <summary>The database is away; it stays dirty.</summary>
    Unavailable,

    /// <summary>Another transaction holds its row, or it took too long; it stays dirty and waits, and the others go on without it.</summary>
    Blocked,

    /// <summary>The lease ended before the save; it stays dirty.</summary>
    Expired,

    /// <summary>The database rejects it; it will be tried again.</summary>
    Rejected,

    /// <summary>It is a dead letter.</summary>
    Dead,

    /// <summary>Redis lost its state: an acknowledged write is gone.</summary>
    Lost,

    /// <summary>A newer release wrote it; this process leaves it to one that can read it.</summary>
    NewerSchema,
}

/// <summary>What a flush did with one entity, and why where it failed, with the version that it failed for.</summary>
internal readonly record struct FlushResult(FlushOutcome Outcome, Exception? Error = null, long Version = 0)
{
    /// <summary>Whether everything acknowledged before the flush is in the database.</summary>
    public bool IsSaved => Outcome is FlushOutcome.Clean or FlushOutcome.Saved or FlushOutcome.Moved;

    /// <summary>Whether another try soon may do better.</summary>
    public bool IsPassing => Outcome is FlushOutcome.Overtaken or FlushOutcome.Held or FlushOutcome.Unavailable or FlushOutcome.Expired or FlushOutcome.Blocked;
}
