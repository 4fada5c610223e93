using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>Counts for one entity type: into the meter, and into the totals that the status shows.</summary>
internal sealed class TypeMetrics(EngineMeter meter, string type, TimeProvider time)
{
    private readonly KeyValuePair<string, object?> _type = new(WriteBehindDiagnostics.TypeTag, type);
    private readonly RecentRate _writeRate = new(time);
    private readonly RecentRate _rowRate = new(time);

    private long _writes;
    private long _bufferWrites;
    private long _conflicts;
    private long _refused;
    private long _databaseNeeded;
    private long _applied;
    private long _noOps;
    private long _fenced;
    private long _expired;
    private long _rejected;
    private long _deadLettered;
    private long _batches;
    private long _transient;
    private long _settleAborts;
    private long _settled;

    /// <summary>The totals since the process started.</summary>
    public TypeCounters Counters => new(
        Volatile.Read(ref _writes),
        Volatile.Read(ref _bufferWrites),
        Volatile.Read(ref _conflicts),
        Volatile.Read(ref _refused),
        Volatile.Read(ref _applied),
        Volatile.Read(ref _noOps),
        Volatile.Read(ref _fenced),
        Volatile.Read(ref _expired),
        Volatile.Read(ref _rejected),
        Volatile.Read(ref _deadLettered),
        Volatile.Read(ref _batches),
        Volatile.Read(ref _transient),
        Volatile.Read(ref _settleAborts),
        Volatile.Read(ref _settled))
    {
        DatabaseNeeded = Volatile.Read(ref _databaseNeeded),
    };

    /// <summary>What was done per second lately.</summary>
    public TypeRates Rates => new(_writeRate.PerSecond, _rowRate.PerSecond);

    public void Acknowledged(long startedAt)
    {
        Interlocked.Increment(ref _writes);
        _writeRate.Add();
        meter.Writes.Add(1, _type);
        meter.AckDuration.Record(time.GetElapsedTime(startedAt).TotalSeconds, _type);
    }

    public void BufferWrite()
    {
        Interlocked.Increment(ref _bufferWrites);
        meter.BufferWrites.Add(1, _type);
    }

    public void Conflict()
    {
        Interlocked.Increment(ref _conflicts);
        meter.Conflicts.Add(1, _type);
    }

    public void Refused(int writes)
    {
        Interlocked.Add(ref _refused, writes);
        meter.Refused.Add(writes, _type);
    }

    public void DatabaseNeeded(int writes)
    {
        Interlocked.Add(ref _databaseNeeded, writes);
        meter.DatabaseNeeded.Add(writes, _type);
    }

    public void Loaded(bool fromDatabase)
        => meter.Loads.Add(1, _type, new(WriteBehindDiagnostics.SourceTag, fromDatabase ? "database" : "redis"));

    public void Batch(int entities, TimeSpan duration)
    {
        Interlocked.Increment(ref _batches);
        meter.BatchSize.Record(entities, _type);
        meter.SaveDuration.Record(duration.TotalSeconds, _type);
    }

    public void Saved(SaveOutcome outcome)
    {
        if (outcome == SaveOutcome.Applied)
        {
            _rowRate.Add();
        }

        switch (outcome)
        {
            case SaveOutcome.Applied: Add(ref _applied, "applied"); break;
            case SaveOutcome.AlreadyThere: Add(ref _noOps, "already_there"); break;
            case SaveOutcome.Fenced: Add(ref _fenced, "fenced"); break;
            case SaveOutcome.Expired: Add(ref _expired, "expired"); break;
            default: Add(ref _rejected, "rejected"); break;
        }
    }

    public void DeadLettered() => Add(ref _deadLettered, "dead_letter");

    public void Settled(int entities)
    {
        Interlocked.Add(ref _settled, entities);
        meter.Flushed.Add(entities, _type, new(WriteBehindDiagnostics.OutcomeTag, "settled"));
    }

    public void Superseded() => meter.Flushed.Add(1, _type, new(WriteBehindDiagnostics.OutcomeTag, "superseded"));

    public void StaleRow() => meter.StaleRows.Add(1, _type);

    public void Lost() => meter.Flushed.Add(1, _type, new(WriteBehindDiagnostics.OutcomeTag, "lost"));

    public void SettleAborted()
    {
        Interlocked.Increment(ref _settleAborts);
        meter.SettleAborts.Add(1, _type);
    }

    public void TransientFailure()
    {
        Interlocked.Increment(ref _transient);
        meter.Retries.Add(1, _type);
    }

    private void Add(ref long total, string outcome)
    {
        Interlocked.Increment(ref total);
        meter.Flushed.Add(1, _type, new(WriteBehindDiagnostics.OutcomeTag, outcome));
    }
}
