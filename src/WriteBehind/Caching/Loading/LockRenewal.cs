using WriteBehind.Caching.Store;

namespace WriteBehind.Caching.Loading;

/// <summary>Makes the locks of a load last while it is under way: three times per lease, so that one failure does no harm.</summary>
internal sealed class LockRenewal(CacheStore store, IReadOnlyList<HeldLock> locks, TimeSpan lease, TimeProvider time) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public void Start() => _running = locks.Count == 0 ? Task.CompletedTask : RunAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(lease / 3, time, _stop.Token).ConfigureAwait(false);
                await store.RenewAsync(locks, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (BufferUnavailableException)
            {
                // A lost lock means that somebody else may load too. The stamp keeps the older of the two from being stored over the newer.
            }
        }
    }
}
