using System.Globalization;

namespace WriteBehind.Tests.Support;

/// <summary>Callers that keep writing: each has entities of its own and counts up in them. What they were told is noted.</summary>
public sealed class WriterLoad : IAsyncDisposable
{
    private readonly IEntityStore<Item> _items;
    private readonly int _entitiesEach;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _callers;
    private long _refused;

    private WriterLoad(IEntityStore<Item> items, int callers, int entitiesEach)
    {
        (_items, _entitiesEach) = (items, entitiesEach);
        _callers = [.. Enumerable.Range(0, callers).Select(caller => Task.Run(() => WriteAsync(caller)))];
    }

    /// <summary>What was acknowledged.</summary>
    public AcknowledgedWrites Writes { get; } = new();

    /// <summary>How many writes failed with an error that says that nothing was written.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Begins to write.</summary>
    public static WriterLoad Start(IEntityStore<Item> items, int callers = 16, int entitiesEach = 20) => new(items, callers, entitiesEach);

    /// <summary>Stops after the writes under way. An error that no write may fail with fails here.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_callers);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_callers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WriteAsync(int caller)
    {
        for (var quantity = 1L; !_stop.IsCancellationRequested; quantity++)
        {
            for (var i = 0; i < _entitiesEach && !_stop.IsCancellationRequested; i++)
            {
                var id = string.Create(CultureInfo.InvariantCulture, $"load-{caller}-{i}");
                try
                {
                    await _items.SetAsync(id, new Item(quantity));
                    Writes.Acknowledge(id, quantity);
                }
                catch (BufferUnavailableException e) when (e.OutcomeUnknown)
                {
                    Writes.Doubt(id, quantity);
                }
                catch (Exception e) when (e is BufferUnavailableException or BufferFullException or SinkException)
                {
                    Interlocked.Increment(ref _refused);
                }
            }
        }
    }
}
