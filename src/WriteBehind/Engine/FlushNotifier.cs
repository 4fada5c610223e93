using WriteBehind.Common;
using WriteBehind.Flushing;
using WriteBehind.Queues;

namespace WriteBehind.Engine;

/// <summary>
/// Has what was written flushed at once instead of by timer or sweep (<see cref="EntityTypeOptions.NotifyFlush"/>): every acknowledged
/// write puts its id into a queue, and a worker in each process flushes the ids it takes. Nothing depends on it: an id that gets lost here
/// is dirty all the same, and the sweep finds it.
/// </summary>
internal sealed class FlushNotifier : IAsyncDisposable
{
    /// <summary>How long one round goes on, so that its loop is seen to be alive.</summary>
    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// How often an entity that another flusher holds is tried again, with doubling pauses: about 0.3 s in all. The sweep has the rest.
    /// </summary>
    private const int MostTries = 6;

    private readonly ReliableQueue _queue;
    private readonly FlushQueue _flushes;
    private readonly EntityTypeOptions _options;
    private readonly QueueMetrics _metrics;
    private readonly TimeProvider _time;
    private IQueueWorker? _worker;

    public FlushNotifier(EntityTypeOptions options, FlushQueue flushes, EngineParts parts)
    {
        (_options, _flushes, _time) = (options, flushes, parts.Time);
        _metrics = parts.QueueMetrics;

        // Duplicates are left out: an id that waits already will be flushed with whatever is written until then.
        var queue = new QueueOptions(options.Type) { Deduplicate = true, Lease = options.Lease };
        _queue = new ReliableQueue(
            queue,
            new RedisQueueServers(parts.Options.KeyPrefix, parts.Redis, parts.Time),
            parts.QueueMetrics,
            parts.Loggers.CreateLogger(LogCategories.FlushNotices));
    }

    /// <summary>Sends a notice. Returns at once: the write is acknowledged, and its caller waits for nothing else.</summary>
    public void Notify(string id)
    {
        _ = SendAsync();

        async Task SendAsync()
        {
            try
            {
                await _queue.EnqueueAsync(id).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                _metrics.Count(_queue.Name, "lost_notice");
            }
        }
    }

    /// <summary>Flushes what is taken, for a few seconds at most; returns the pause until the next round.</summary>
    public async Task<TimeSpan> RunAsync(CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var worker = _worker ??= _queue.OpenWorker();
        try
        {
            for (var left = LongestRound; left > TimeSpan.Zero; left = LongestRound - _time.GetElapsedTime(started))
            {
                var batch = await worker.TryTakeAsync(_options.BatchSize, left, cancellationToken).ConfigureAwait(false);
                await FlushAsync(batch.Items, cancellationToken).ConfigureAwait(false);
                await batch.AcknowledgeAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            // What it took and did not acknowledge would stay with it for as long as it lives, which is as long as this process.
            await DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return TimeSpan.Zero;
    }

    /// <summary>Gives back what is held. The next round begins with a new worker.</summary>
    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _worker, null)?.DisposeAsync() ?? default;

    /// <summary>
    /// Flushes entities. Only those that another flusher holds are tried again, as what it saves may be older than the write that
    /// this is about. Whatever else keeps them from the database keeps them for longer, and is the sweep's to deal with.
    /// </summary>
    private async Task FlushAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        for (var tries = 1; ids.Count > 0; tries++)
        {
            var results = await Task.WhenAll(ids.Select(_flushes.FlushAsync))
                .MayBeAbandoned()
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            ids = [.. ids.Where((_, i) => results[i].Outcome == FlushOutcome.Held)];
            if (tries == MostTries)
            {
                return;
            }

            if (ids.Count > 0)
            {
                await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
                pause *= 2;
            }
        }
    }
}
