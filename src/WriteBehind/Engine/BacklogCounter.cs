using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>Counts what waits of one entity type, for gauges, status and drains, and remembers it while Redis does not answer.</summary>
internal sealed partial class BacklogCounter
{
    private readonly TypeParts _parts;
    private readonly EntityTypeOptions _options;

    /// <summary>What was counted last in each shard; null before the first time.</summary>
    private ShardCount?[] _counted;

    /// <summary>Until when the flush was last seen to be paused, in ticks; 0 where it was not.</summary>
    private long _pausedUntil;

    public BacklogCounter(TypeParts parts)
    {
        (_parts, _options, _counted) = (parts, parts.Options, new ShardCount?[parts.Options.Shards]);
        Observe(parts.Engine.Meter.Meter);
    }

    /// <summary>What was counted last.</summary>
    public Backlog Last
    {
        get
        {
            var shards = Volatile.Read(ref _counted);
            return new Backlog(
                shards.Sum(static shard => shard?.Backlog.Dirty ?? 0),
                shards.Sum(static shard => shard?.Backlog.Dead ?? 0),
                shards.Max(AgeOf),
                shards.Contains(null) ? null : shards.Min(static shard => shard!.Value.At),
                FlushPauses.Latest(shards.Select(PauseOf)));
        }
    }

    /// <summary>Looks what waits, as cheaply as can be; returns why it could not be counted everywhere, or null.</summary>
    public async Task<BufferUnavailableException?> WatchAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (!await _parts.Buffer.IsIdleAsync(withLetters: true, cancellationToken).ConfigureAwait(false))
            {
                return (await CountAsync(null, cancellationToken).ConfigureAwait(false)).Failure;
            }
        }
        catch (BufferUnavailableException e)
        {
            return e;
        }

        var last = Volatile.Read(ref _counted);
        Note([.. last.Select(shard => Counted(default, shard))]);
        return null;
    }

    /// <summary>Counts what waits, per shard.</summary>
    public async Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken)
    {
        BufferUnavailableException? failure = null;
        var shards = await Task.WhenAll(Enumerable.Range(0, _options.Shards).Select(CountShardAsync)).ConfigureAwait(false);
        var last = Volatile.Read(ref _counted);
        if (until is null)
        {
            Note([.. shards.Select((shard, i) => shard is { } now ? Counted(now, last[i]) : Stale(last[i]))]);
        }

        return new TypeBacklog(
            shards, shards.Select((shard, i) => shard is null ? last[i]?.Backlog.Dirty ?? 0 : 0).Sum(), Volatile.Read(ref failure));

        async Task<ShardBacklog?> CountShardAsync(int shard)
        {
            try
            {
                // A shard that has told no time yet (0) has everything to count.
                return await _parts.Buffer.BacklogAsync(
                    shard, until?[shard] is > 0 and var time ? time : null, cancellationToken).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Whatever it is, also a token that cancels: what was not counted must not be taken for nothing.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(
                    ref failure,
                    e as BufferUnavailableException
                        ?? new BufferUnavailableException($"{_options.Type} could not be counted: {e.Message}", cause: e),
                    null);
                return null;
            }
        }
    }

    /// <summary>Remembers what was counted, and says when a pause of the flush is seen to begin or to end, by whichever process.</summary>
    private void Note(ShardCount?[] counted)
    {
        Volatile.Write(ref _counted, counted);
        var pause = FlushPauses.Latest(counted.Select(PauseOf));
        var before = Interlocked.Exchange(ref _pausedUntil, pause?.Until.Ticks ?? 0);
        if (pause is not null && pause.Until.Ticks != before)
        {
            Paused(_parts.Logger, _options.Type, pause.Until, pause.By);
        }
        else if (pause is null && before != 0)
        {
            Resumed(_parts.Logger, _options.Type);
        }
    }

    /// <summary>A pause ends by Redis' clock, also while Redis is not asked.</summary>
    private FlushPause? PauseOf(ShardCount? shard)
        => shard is { Backlog: { Pause: { } pause } backlog } count
            && DateTimeOffset.FromUnixTimeMilliseconds(backlog.Now) + _parts.Time.GetElapsedTime(count.Timestamp) < pause.Until
                ? pause
                : null;

    private ShardCount Counted(ShardBacklog now, ShardCount? last)
    {
        var timestamp = _parts.Time.GetTimestamp();
        return new(now, _parts.Time.GetUtcNow(), timestamp, IsStale: false, now.IsAhead ? last?.AheadSince ?? timestamp : null);
    }

    private static ShardCount? Stale(ShardCount? last) => last is { } count ? count with { IsStale = true } : null;

    /// <summary>An age grows also while Redis does not answer, and where its clock went back and can't tell it.</summary>
    private TimeSpan? AgeOf(ShardCount? shard)
    {
        if (shard is not { Backlog.OldestAge: { } age } count)
        {
            return null;
        }

        var ahead = count.AheadSince is { } since ? _parts.Time.GetElapsedTime(since) : TimeSpan.Zero;
        var counted = count.IsStale ? age + _parts.Time.GetElapsedTime(count.Timestamp) : age;
        return counted > ahead ? counted : ahead;
    }

    private void Observe(Meter meter)
    {
        KeyValuePair<string, object?>[] tags = [new(WriteBehindDiagnostics.TypeTag, _options.Type)];
        meter.CreateObservableGauge(WriteBehindDiagnostics.Dirty, () => new Measurement<long>(Last.Dirty, tags), "{entity}");
        meter.CreateObservableGauge(WriteBehindDiagnostics.DeadLetters, () => new Measurement<long>(Last.Dead, tags), "{entity}");
        meter.CreateObservableGauge(
            WriteBehindDiagnostics.OldestDirtyAge, () => new Measurement<double>(Last.OldestAge?.TotalSeconds ?? 0, tags), "s");
        meter.CreateObservableGauge(WriteBehindDiagnostics.Paused, () => new Measurement<int>(Last.Pause is null ? 0 : 1, tags));
    }

    /// <param name="Dirty">Dirty entities.</param>
    /// <param name="Dead">Dead letters.</param>
    /// <param name="OldestAge">The age of the oldest dirty one; null where nothing is dirty.</param>
    /// <param name="At">When it was counted, of the shard where that is longest ago; null where some shard never was.</param>
    /// <param name="Pause">The pause of the flush; null where there is none.</param>
    public sealed record Backlog(long Dirty, long Dead, TimeSpan? OldestAge, DateTimeOffset? At, FlushPause? Pause);

    /// <summary>What was counted in a shard.</summary>
    /// <param name="Backlog">What there was.</param>
    /// <param name="At">When.</param>
    /// <param name="Timestamp">The same by the clock that measures.</param>
    /// <param name="IsStale">Whether it could not be counted again since.</param>
    /// <param name="AheadSince">Since when marks are seen that are ahead of Redis' clock; null where there are none.</param>
    private readonly record struct ShardCount(ShardBacklog Backlog, DateTimeOffset At, long Timestamp, bool IsStale, long? AheadSince);

    [LoggerMessage(1, LogLevel.Warning, "The flush of {Type} is paused until {Until:u}, as {By} asked for; writes are accepted and wait.")]
    private static partial void Paused(ILogger logger, string type, DateTimeOffset until, string by);

    [LoggerMessage(2, LogLevel.Information, "The pause of the flush of {Type} is over.")]
    private static partial void Resumed(ILogger logger, string type);
}
