using System.Collections.Concurrent;
using WriteBehind.Caching;

namespace WriteBehind.EntityFrameworkCore.Tests.Caching;

/// <summary>A cache that notes what it is told to remove.</summary>
internal sealed class RecordingInvalidator(Func<string, Task> onRemove) : ICacheInvalidator
{
    private readonly TaskCompletionSource _emptied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _emptiedTimes;

    public string Name => "recorded";

    /// <summary>Ends when all entries were removed for the first time: the listener listens.</summary>
    public Task Emptied => _emptied.Task;

    /// <summary>How many times all entries were removed.</summary>
    public int EmptiedTimes => Volatile.Read(ref _emptiedTimes);

    public ConcurrentQueue<string> Removed { get; } = new();

    public async Task RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        foreach (var key in keys)
        {
            Removed.Enqueue(key);
            await onRemove(key);
        }
    }

    public Task RemoveTagAsync(string tag, CancellationToken cancellationToken = default) => Task.CompletedTask;

    public Task RemoveAllAsync(CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _emptiedTimes);
        _emptied.TrySetResult();
        return Task.CompletedTask;
    }

    public Task<bool> TryLeadAsync(TimeSpan lease, CancellationToken cancellationToken = default) => Task.FromResult(true);

    public Task ResignAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;
}
