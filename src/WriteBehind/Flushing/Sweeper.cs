using WriteBehind.Buffer;
using WriteBehind.Common;

namespace WriteBehind.Flushing;

/// <summary>
/// Finds what is dirty and old enough, in Redis alone, and flushes it: oldest first, in pages, whoever wrote it. This is what recovers
/// after a crash, and without a cluster also what flushes in the first place. Any number of processes may sweep at once; the claims
/// keep them apart.
/// </summary>
internal sealed class Sweeper(TypeParts parts, IBatchFlusher flusher)
{
    /// <summary>
    /// How long a pass goes on fetching pages: a huge backlog is worked off in several, so that its loop is seen to be alive.
    /// </summary>
    private static readonly TimeSpan LongestPass = TimeSpan.FromSeconds(5);

    /// <summary>How many entities that were rejected before a pass remembers while they wait for their turn.</summary>
    private const int MostSuspects = 10 * RetryLedger.SuspectBatch;

    private readonly int _shards = parts.Buffer.Keys.Shards;
    private readonly int _batchSize = parts.Options.BatchSize;
    private readonly Lock _lock = new();
    private Task _suspects = Task.CompletedTask;

    /// <summary>Flushes what is due, page by page and shard by shard, for a few seconds at most.</summary>
    /// <param name="pass">Takes note of what is done, also where the pass is cancelled.</param>
    /// <param name="minAge">How old the oldest unflushed write must be.</param>
    /// <param name="until">Per shard, only what is dirty since before this Redis time (ms); null for all.</param>
    /// <param name="force">Try rejected entities too whose pause is not over.</param>
    /// <param name="part">The shards to look at.</param>
    /// <param name="cancellationToken">Stops at once. Batches under way go on to their end: one may hang at the database, and a stop must
    /// not.</param>
    /// <exception cref="BufferUnavailableException">
    /// Redis is away, or a part of it: on a cluster one server may be. What the others hold has been flushed then.
    /// </exception>
    public async Task RunAsync(
        SweepPass pass, TimeSpan minAge, long[]? until, bool force, SweepPart part, CancellationToken cancellationToken)
    {
        await TakeSuspectsAsync().ConfigureAwait(false);
        var skip = new int[_shards];

        // Each process begins elsewhere, so that several do not meet in the same shard all the time.
        var first = Random.Shared.Next(_shards);
        int[] shards = [.. Enumerable.Range(0, _shards).Select(i => (first + i) % _shards).Where(part.Has)];
        var started = parts.Time.GetTimestamp();
        Task<DuePage>[] looks = [.. shards.Select(DueAsync)];
        var looked = Task.WhenAll(looks);
        await ((Task)looked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        DuePage[] pages = [.. looks.Where(static look => look.IsCompletedSuccessfully).Select(static look => look.Result)];

        // What is due here and there shares batches. A shard with more than a page goes on by itself, to its last small one: were it to
        // wait for the slowest of all after every page, Redis and the database would be idle meanwhile.
        var suspects = new List<FlushItem>();
        var flushes = Task.WhenAll(
            [FlushPagesAsync([.. pages.Where(page => !IsFull(page))]), .. pages.Where(IsFull).Select(FlushShardAsync)]);
        TrySuspects(pass, suspects);
        await flushes.ConfigureAwait(false);

        // What answered is flushed; now the rest is reported.
        await looked.ConfigureAwait(false);
        if (pass.Failure is { } failure)
        {
            throw failure;
        }

        Task<DuePage> DueAsync(int shard)
            => parts.Claims.DueAsync(shard, minAge, until?[shard], skip[shard], _batchSize, cancellationToken);

        bool IsFull(DuePage page) => page.Ids.Count >= _batchSize || page.Seen >= 10 * _batchSize;

        Task FlushPagesAsync(DuePage[] some) => FlushDueAsync(some, skip, pass, force, suspects, cancellationToken);

        async Task FlushShardAsync(DuePage page)
        {
            while (true)
            {
                await FlushPagesAsync([page]).ConfigureAwait(false);
                if (!IsFull(page) || pass.IsUnavailable || pass.Pause is not null)
                {
                    return;
                }

                if (parts.Time.GetElapsedTime(started) > LongestPass)
                {
                    pass.IsCutShort = true;
                    return;
                }

                cancellationToken.ThrowIfCancellationRequested();
                page = await DueAsync(page.Shard).ConfigureAwait(false);
                TrySuspects(pass, suspects);
            }
        }
    }

    private async Task FlushDueAsync(
        DuePage[] pages, int[] skip, SweepPass pass, bool force, List<FlushItem> suspects, CancellationToken cancellationToken)
    {
        var good = new List<FlushItem>();
        var forced = new List<FlushItem>();
        lock (pass)
        {
            foreach (var page in pages)
            {
                pass.Pause ??= page.Pause;
                skip[page.Shard] += page.Held;
                pass.AddHeld(page.Held);
                foreach (var id in page.Ids)
                {
                    if (!parts.Ledger.IsSuspect(id))
                    {
                        good.Add(new FlushItem(id, page.Shard));
                        continue;
                    }

                    if (force)
                    {
                        forced.Add(new FlushItem(id, page.Shard));
                        continue;
                    }

                    // It stays at the old end of the index, and goes its own slow way: the next page begins behind it.
                    skip[page.Shard]++;
                    var mustWait = parts.Ledger.MustWait(id);
                    if (parts.Ledger.WaitsForOthers(id))
                    {
                        pass.AddHeld(1);
                    }
                    else if (mustWait)
                    {
                        pass.AddRejected(id);
                    }

                    if (!mustWait && suspects.Count < MostSuspects)
                    {
                        suspects.Add(new FlushItem(id, page.Shard));
                    }
                }
            }
        }

        var flushes = good.Chunk(_batchSize)
            .Concat(forced.Chunk(RetryLedger.SuspectBatch))
            .Select(batch => FlushBatchAsync(batch, skip, pass, cancellationToken));

        // A stop does not wait for those that hang at the database.
        await Task.WhenAll(flushes).MayBeAbandoned().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Entities that were rejected before go their own slow way beside the good ones, one small batch at a time. Those that find no place
    /// in it wait for the next page, or for the next pass.
    /// </summary>
    private void TrySuspects(SweepPass pass, List<FlushItem> suspects)
    {
        lock (pass)
        {
            lock (_lock)
            {
                if (suspects.Count > 0 && _suspects.IsCompletedSuccessfully)
                {
                    FlushItem[] batch = [.. suspects.Take(RetryLedger.SuspectBatch)];
                    suspects.RemoveRange(0, batch.Length);
                    _suspects = TryAsync(batch);
                }
            }
        }

        async Task TryAsync(FlushItem[] batch)
        {
            try
            {
                await flusher.FlushAsync(batch, CancellationToken.None).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                // The sweep itself meets the same and reports it.
            }
        }
    }

    /// <summary>What the suspects' batch failed with beside an absent Redis is a failure of the sweep, which reports it.</summary>
    private Task TakeSuspectsAsync()
    {
        lock (_lock)
        {
            var failed = _suspects.IsFaulted ? _suspects : Task.CompletedTask;
            _suspects = _suspects.IsFaulted ? Task.CompletedTask : _suspects;
            return failed;
        }
    }

    private async Task FlushBatchAsync(FlushItem[] batch, int[] skip, SweepPass pass, CancellationToken cancellationToken)
    {
        await flusher.FlushAsync(batch, cancellationToken).ConfigureAwait(false);
        lock (pass)
        {
            foreach (var item in batch)
            {
                if (pass.Add(item))
                {
                    skip[item.Shard]++;
                }
            }
        }
    }
}

/// <summary>What one pass over the dirty entities of a type did.</summary>
internal sealed class SweepPass
{
    private const int MostNamed = 100;

    private readonly List<string> _rejected = [];

    /// <summary>Entities that became clean, or whose claimed state is saved.</summary>
    public long Flushed { get; private set; }

    /// <summary>
    /// Entities left because another flusher holds them, the database is away, the lease ended, or the flush was paused meanwhile.
    /// </summary>
    public long Passing { get; private set; }

    /// <summary>Whether the database is away.</summary>
    public bool IsUnavailable { get; private set; }

    /// <summary>Why some shards were not flushed while others were: on a cluster one server may be away.</summary>
    public BufferUnavailableException? Failure { get; private set; }

    /// <summary>The pause of the type's flush, for which the pass did not go on; null where there is none.</summary>
    public FlushPause? Pause { get; set; }

    /// <summary>Whether the pass ended before it had looked at everything.</summary>
    public bool IsCutShort { get; set; }

    /// <summary>Entities that the database rejects or that Redis lost, at most the first hundred.</summary>
    public IReadOnlyList<string> Rejected => _rejected;

    /// <summary>Notes what came of an item; true where the entity is still dirty at its old place.</summary>
    public bool Add(FlushItem item)
    {
        if (item.IsSaved)
        {
            Flushed++;
            return false;
        }

        if (item.IsPassing)
        {
            Passing++;
            Failure ??= item.Error as BufferUnavailableException;
            Pause ??= (item.Error as FlushPausedException)?.Pause;
            IsUnavailable |= item.Outcome == FlushOutcome.Unavailable && item.Error is not BufferUnavailableException;
            return true;
        }

        AddRejected(item.Id);
        return item.Outcome is not (FlushOutcome.Dead or FlushOutcome.Lost);
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

/// <summary>
/// A part of every type's shards, for several sweepers to share the work: shard s belongs to part s modulo the number of parts.
/// </summary>
/// <param name="Index">Which part, from 0.</param>
/// <param name="Of">How many parts there are.</param>
internal readonly record struct SweepPart(int Index, int Of)
{
    /// <summary>All shards.</summary>
    public static readonly SweepPart All = new(0, 1);

    public bool Has(int shard) => shard % Of == Index;
}
