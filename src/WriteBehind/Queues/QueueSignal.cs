using System.Threading.Channels;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Queues;

/// <summary>
/// Wakes one worker by pub/sub. Blocking commands (BLMOVE) would stop everything that shares the connection. Messages may get lost, so a
/// waiting worker looks from time to time without one.
/// </summary>
internal sealed class QueueSignal(RedisConnections redis, string channel) : IAsyncDisposable
{
    // One message is as good as many: it says that there may be something, and the worker takes until there is nothing.
    private readonly Channel<bool> _messages = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly RedisChannel _channel = RedisChannel.Literal(channel);
    private bool _subscribed;

    /// <summary>Subscribes, unless it has been done. The library does it again by itself after a lost connection.</summary>
    public async Task SubscribeAsync(CancellationToken cancellationToken)
    {
        if (!_subscribed)
        {
            await redis.RunAsync(
                async db =>
                {
                    await db.Multiplexer.GetSubscriber().SubscribeAsync(_channel, OnMessage).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
            _subscribed = true;
        }
    }

    /// <summary>Waits for a message, also for one that has come since the last wait; returns without one when the time is over.</summary>
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

    public async ValueTask DisposeAsync()
    {
        if (_subscribed)
        {
            await redis.RunAsync(
                async db =>
                {
                    var subscriber = db.Multiplexer.GetSubscriber();
                    await subscriber.UnsubscribeAsync(_channel, OnMessage, CommandFlags.FireAndForget).ConfigureAwait(false);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
    }

    private void OnMessage(RedisChannel _, RedisValue message) => _messages.Writer.TryWrite(true);
}
