namespace WriteBehind.Sweep;

/// <summary>What one pass over the dirty entities of a type did.</summary>
internal sealed class SweepPass
{
    private const int MostNamed = 100;

    private readonly List<string> _rejected = [];

    /// <summary>Entities that became clean, or whose claimed state is saved.</summary>
    public long Flushed { get; private set; }

    /// <summary>Entities left because another flusher holds them, the database is away, or the lease ended.</summary>
    public long Passing { get; private set; }

    /// <summary>Whether the database is away.</summary>
    public bool IsUnavailable { get; private set; }

    /// <summary>Why some shards were not flushed while others were: on a cluster one server may be away.</summary>
    public BufferUnavailableException? Failure { get; private set; }

    /// <summary>Whether the pass ended before it had looked at everything.</summary>
    public bool IsCutShort { get; set; }

    /// <summary>Entities that the database rejects or that Redis lost, at most the first hundred.</summary>
    public IReadOnlyList<string> Rejected => _rejected;

    /// <summary>Notes a result; true where the entity is still dirty at its old place.</summary>
    public bool Add(string id, Flush.FlushResult result)
    {
        if (result.IsSaved)
        {
            Flushed++;
            return false;
        }

        if (result.IsPassing)
        {
            Passing++;
            Failure ??= result.Error as BufferUnavailableException;
            IsUnavailable |= result.Outcome == Flush.FlushOutcome.Unavailable && result.Error is not BufferUnavailableException;
            return true;
        }

        AddRejected(id);
        return result.Outcome is not (Flush.FlushOutcome.Dead or Flush.FlushOutcome.Lost);
    }

    /// <summary>Notes entities that a flusher elsewhere holds.</summary>
    public void AddHeld(int count) => Passing += count;

    /// <summary>Notes an entity that is rejected and waits for its next try.</summary>
    public void AddRejected(string id)
    {
        if (_rejected.Count < MostNamed && !_rejected.Contains(id))
        {
            _rejected.Add(id);
        }
    }
}
