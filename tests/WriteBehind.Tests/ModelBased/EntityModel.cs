using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// The simple model of one entity: the writes that took effect, in order, and those of which nobody knows. Whatever is seen of the entity
/// must fit.
/// </summary>
internal sealed class EntityModel
{
    private readonly string _name;
    private readonly List<Write> _history;

    /// <summary>Which write the row was last seen to be of.</summary>
    private int _row;

    public EntityModel(int index, string id, Write first)
    {
        (Index, Id, _name) = (index, id, Command.NameOf(index));
        _history = [first];
        Version = first.Version;
    }

    public int Index { get; }

    public string Id { get; }

    /// <summary>What was seen of it last.</summary>
    public Observation Seen { get; private set; } = Observation.Nothing;

    /// <summary>The write that counts.</summary>
    public Write Current => _history[^1];

    /// <summary>The version that the next write goes on from.</summary>
    public long Version { get; private set; }

    /// <summary>Where the history is now, for <see cref="AssertRead"/> and <see cref="AssertSaved"/>.</summary>
    public int Now => _history.Count - 1;

    /// <summary>Writes of unknown outcome: each may turn up once, or never.</summary>
    public List<Write> Open { get; } = [];

    public bool Has(Write write) => _history.Contains(write);

    /// <summary>Whether somebody who saw this is up to date.</summary>
    public bool IsCurrent(long seen, long version) => seen == Current.Seen && version == Version;

    /// <summary>A write was acknowledged.</summary>
    /// <param name="write">The write.</param>
    /// <param name="version">The version it was acknowledged with; null where the caller is not told.</param>
    public void Acknowledge(Write write, long? version)
    {
        Open.Remove(write);
        if (Has(write))
        {
            Assert(
                version is null || version == write.Version,
                $"{write} was acknowledged as version {version}, but it is version {write.Version}");
        }
        else if (version is not null || !write.IsDelete || !Current.IsDelete)
        {
            Apply(write, version ?? Version + write.Changes);
        }
    }

    /// <summary>Looks at the entity: the promises must hold.</summary>
    public void Look(Observation observation)
    {
        Seen = observation;
        if (FindOpen(observation) is { } found)
        {
            Open.Remove(found);
            Apply(found, observation.Version ?? observation.Row!.Version);
        }

        if (observation.Version is not null)
        {
            Assert(observation.Version == Version && observation.Buffered == Current.State, "what Redis holds is not the last write");
        }

        Assert(!observation.IsDirty || observation.Version is not null, "it is marked dirty, but its state is gone");
        Assert(!observation.IsDirty || !observation.Expires, "it is dirty and will expire");
        LookAtRow(observation.Row);
        Assert(observation.IsDirty || StateOf(observation.Row) == Current.State, "it is clean, but the row is not of the last write");
    }

    /// <summary>Somebody read this between a moment and now.</summary>
    public void AssertRead(int since, Item? state)
        => Assert(
            _history.Skip(Math.Min(since, Now)).Any(write => write.State == state),
            $"a read gave {(state is null ? "nothing" : $"#{state.Quantity}")}");

    /// <summary>A flush that began at a moment said that all is saved.</summary>
    public void AssertSaved(int since)
    {
        since = Math.Min(since, Now);
        Assert(
            Seen.Row is null ? _history.FindIndex(since, write => write.IsDelete) >= 0 : _row >= since,
            "a flush said that it is saved, but it is not");
    }

    /// <summary>Whoever deletes and waits for a day: nobody remembers the version any more.</summary>
    public void Forget()
    {
        if (Current.IsDelete && !Seen.IsDirty)
        {
            Version = 0;
        }
    }

    /// <summary>Redis came back empty: what was not saved yet is lost.</summary>
    public void LoseUnsaved()
    {
        _history.RemoveRange(_row + 1, _history.Count - _row - 1);
        Version = Seen.Row?.Version ?? 0;
    }

    /// <summary>The open write that this is of.</summary>
    private Write? FindOpen(Observation observation)
    {
        if (observation.Version is null)
        {
            return Open.Find(write => write.Number == observation.Row?.Quantity);
        }

        // Tombstones look all the same, but for their nonces; only of a write that goes on just now is the nonce not known.
        return observation.Version == Version ? null : Open.Find(write => write.Nonce is { } nonce
            ? nonce == observation.Nonce
            : observation.Buffered is null ? write.IsDelete : write.Number == observation.Buffered.Quantity);
    }

    private bool HasSeenCurrent(Write write) => write.Basis is null || write.Basis == Current.Seen;

    private static Item? StateOf(ItemRow? row) => row is null ? null : new Item(row.Quantity, row.Note);

    private void Apply(Write write, long version)
    {
        Assert(!Has(write), $"{write} was applied twice");
        Assert(HasSeenCurrent(write), $"{write} was made on #{write.Basis} and overwrote {Current}, which its writer had not seen");
        Assert(version == Version + write.Changes, $"{write} of {write.Changes} changes is version {version}, after version {Version}");
        write.Version = Version = version;
        _history.Add(write);
    }

    private void LookAtRow(ItemRow? row)
    {
        if (row is null)
        {
            var deleted = _history.FindIndex(_row, write => write.IsDelete);
            Assert(deleted >= 0, "the row is gone, but nobody deleted it");
            _row = deleted;
            return;
        }

        var found = _history.FindIndex(write => write.Number == row.Quantity);
        Assert(found >= 0, "the row is of no write that counts");
        Assert(found >= _row, $"the row went back from {_history[_row]}");
        Assert(
            row.Version == _history[found].Version && StateOf(row) == _history[found].State,
            $"the row is not as {_history[found]} made it");
        _row = found;
    }

    private void Assert(bool condition, string message)
    {
        if (!condition)
        {
            var writes = string.Join(", ", _history.Select(w => $"{w} v{w.Version}"));
            throw new BrokenPromiseException($"{_name}: {message}. Seen: {Seen}. The writes that count: {writes}.");
        }
    }
}
