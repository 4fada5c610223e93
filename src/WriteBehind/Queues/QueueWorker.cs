using System.Globalization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using WriteBehind.Common;

namespace WriteBehind.Queues;

/// <summary>
/// One consumer. While it lives, a heartbeat renews its lease, however long the work on an item takes. A worker that was given up, or that
/// can't know what it was given (an answer got lost), goes on under a new name; what it held under the old one comes back to the queue.
/// </summary>
internal sealed partial class QueueWorker(ReliableQueue queue, IQueueSignal signal, TimeProvider time, ILogger logger) : IQueueWorker
{
    private const int MostItems = 10_000;

    private readonly CancellationTokenSource _stop = new();
    private Task _heartbeat = Task.CompletedTask;
    private string? _name;
    private long _nextReclaim;
    private bool _disposed;

    private QueueOptions Options => queue.Options;

    public async Task<QueueBatch> TakeAsync(int most = 1, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (await TryTakeAsync(most, Options.PollInterval, cancellationToken).ConfigureAwait(false) is { Items.Count: > 0 } batch)
            {
                return batch;
            }
        }
    }

    public async Task<QueueBatch> TryTakeAsync(int most, TimeSpan wait, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(most, MostItems);
        await signal.SubscribeAsync(cancellationToken).ConfigureAwait(false);
        var started = time.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await ReclaimIfDueAsync(cancellationToken).ConfigureAwait(false);
            var batch = await TakeNowAsync(most, cancellationToken).ConfigureAwait(false);
            var left = wait - time.GetElapsedTime(started);
            if (batch.Items.Count > 0 || left <= TimeSpan.Zero)
            {
                return batch;
            }

            await signal.WaitAsync(
                left < Options.PollInterval ? left : Options.PollInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _heartbeat.ConfigureAwait(false);
        _stop.Dispose();
        try
        {
            await signal.DisposeAsync().ConfigureAwait(false);
            if (_name is { } name)
            {
                await queue.GiveUpAsync(name, mustBeOver: false, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (BufferUnavailableException)
        {
            // What it holds comes back when its lease is over.
        }
    }

    private async Task<QueueBatch> TakeNowAsync(int most, CancellationToken cancellationToken)
    {
        while (true)
        {
            var name = _name ?? await EnterAsync(cancellationToken).ConfigureAwait(false);
            QueueBatch? batch;
            try
            {
                batch = await queue.TakeAsync(name, most).ConfigureAwait(false);
            }
            catch (BufferUnavailableException)
            {
                // Items may have been moved to this name without our knowing them. Only its end brings them back.
                _name = null;
                throw;
            }

            if (batch is not null)
            {
                return batch;
            }

            Replaced(logger, name, queue.Name);
            _name = null;
        }
    }

    private async Task<string> EnterAsync(CancellationToken cancellationToken)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}-{Environment.ProcessId}-{RandomToken.Next()}");

        // Known here before it is known there: a worker that is stopped meanwhile gives up the name, and leaves nothing of itself.
        _name = name;
        try
        {
            await queue.RenewAsync(name, isNew: true, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            _name = null;
            throw;
        }

        if (_heartbeat.IsCompleted)
        {
            // In nobody's context: it lives as long as the worker.
            _heartbeat = Detached.RunAsync(BeatAsync);
        }

        return name;
    }

    private async Task ReclaimIfDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (now >= _nextReclaim)
        {
            await queue.ReclaimAsync(cancellationToken).ConfigureAwait(false);
            _nextReclaim = time.After(now, Options.Lease / 2);
        }
    }

    private async Task BeatAsync()
    {
        while (true)
        {
            try
            {
                await Task.Delay(Options.Lease / 3, time, _stop.Token).ConfigureAwait(false);
                if (_name is { } name)
                {
                    // One that is not known any more is replaced with the next take.
                    await queue.RenewAsync(name, isNew: false, _stop.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (BufferUnavailableException)
            {
                // Redis is away, for the others as well; and its own clock decides when a lease is over.
            }
        }
    }

    [LoggerMessage(
        1, LogLevel.Warning, "Worker {Worker} of queue '{Queue}' stood still for longer than its lease; what it held is delivered again.")]
    private static partial void Replaced(ILogger logger, string worker, string queue);
}

/// <summary>Wakes one worker where there is something to take.</summary>
internal interface IQueueSignal : IAsyncDisposable
{
    /// <summary>Begins to listen, unless it has been done.</summary>
    Task SubscribeAsync(CancellationToken cancellationToken);

    /// <summary>Waits for a message, also for one that has come since the last wait; returns without one when the time is over.</summary>
    Task WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken);
}

/// <summary>The messages that a worker has not heeded yet.</summary>
internal sealed class WakeUps
{
    // One message is as good as many: it says that there may be something, and the worker takes until there is nothing.
    private readonly Channel<bool> _messages = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Wake() => _messages.Writer.TryWrite(true);

    public async Task WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        // The read itself must end with the time: one that was left behind would take the next message from whoever waits then.
        using var over = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await _messages.Reader.ReadAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody has said anything.
        }
    }
}
