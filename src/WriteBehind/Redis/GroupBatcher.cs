using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>
/// Group commit: what arrives while a batch is under way forms the next one, so that callers share round trips and an idle batcher
/// answers at once. The queue is as long as there are callers waiting, and bounded: beyond it callers are refused at once.
/// </summary>
/// <param name="send">Sends a batch; answers in its order. Its exception reaches every caller of the batch.</param>
/// <param name="maxItems">The most requests in a batch.</param>
/// <param name="sizeOf">The size of a request in bytes.</param>
/// <param name="maxBytes">The most bytes in a batch, unless its first request alone is larger.</param>
/// <param name="concurrency">The most batches under way at once.</param>
/// <param name="linger">How long a batch waits for company before it is sent.</param>
/// <param name="mostWaiting">How many requests may wait.</param>
/// <param name="eager">
/// How many batches are sent at once. Beyond them a further one goes only where none was taken for <paramref name="patience"/>: one that
/// hangs is not to hold up the others, and as long as none does, those that wait make one larger batch.
/// </param>
/// <param name="patience">How long that is.</param>
internal sealed class GroupBatcher<TRequest, TReply>(
    Func<IReadOnlyList<TRequest>, Task<IReadOnlyList<TReply>>> send,
    int maxItems,
    Func<TRequest, int> sizeOf,
    int maxBytes,
    int concurrency = 1,
    TimeSpan linger = default,
    int mostWaiting = GroupBatcher<TRequest, TReply>.MostWaiting,
    int eager = int.MaxValue,
    TimeSpan patience = default)
{
    /// <summary>
    /// How many requests may wait: 32 full batches of writes. More only wait to time out. It does not follow the size of the batches,
    /// as small ones are no reason to turn callers away.
    /// </summary>
    internal const int MostWaiting = 16_384;

    private readonly Lock _lock = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<TReply> Reply)> _waiting = new();
    private int _sending;
    private long _taken;
    private bool _isWatched;

    /// <summary>Sends a request with the next batch.</summary>
    public Task<TReply> SendAsync(TRequest request)
    {
        // Asynchronous continuations: a caller must not run its own code on the loop that serves all callers.
        var reply = new TaskCompletionSource<TReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isEager;
        lock (_lock)
        {
            if (_waiting.Count >= mostWaiting)
            {
                return Task.FromException<TReply>(TooMany());
            }

            _waiting.Enqueue((request, reply));
            if (_sending == concurrency || (_sending >= eager && _isWatched))
            {
                return reply.Task;
            }

            isEager = _sending < eager;
            _sending += isEager ? 1 : 0;
            _isWatched |= !isEager;
        }

        Detached.Begin(
            isEager ? static batcher => batcher.SendWaitingAsync() : static batcher => batcher.StepInAsync(), this);
        return reply.Task;
    }

    /// <summary>
    /// Sends requests of one caller together: one batch for as many as fit into one, which sent one by one would begin with a batch
    /// of the first alone. All are refused, or none. As many batches begin at once as there are, however few are eager.
    /// </summary>
    public Task<TReply[]> SendManyAsync(IReadOnlyCollection<TRequest> requests)
    {
        var replies = new List<Task<TReply>>(requests.Count);
        int starting;
        lock (_lock)
        {
            if (_waiting.Count >= mostWaiting)
            {
                return Task.FromException<TReply[]>(TooMany());
            }

            foreach (var request in requests)
            {
                var reply = new TaskCompletionSource<TReply>(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Enqueue((request, reply));
                replies.Add(reply.Task);
            }

            starting = Math.Min(concurrency - _sending, (requests.Count + maxItems - 1) / maxItems);
            _sending += starting;
        }

        for (var i = 0; i < starting; i++)
        {
            Detached.Begin(static batcher => batcher.SendWaitingAsync(), this);
        }

        return Task.WhenAll(replies);
    }

    private BufferUnavailableException TooMany() => new(
        $"{_waiting.Count} requests wait already, as Redis or the database can't keep up or does not answer. Nothing was written; slow " +
        "down and try again.");

    private async Task SendWaitingAsync()
    {
        var requests = new List<TRequest>();
        var replies = new List<TaskCompletionSource<TReply>>();
        while (await TakeBatchAsync(requests, replies).ConfigureAwait(false))
        {
            try
            {
                var answers = await send(requests).ConfigureAwait(false);
                for (var i = 0; i < replies.Count; i++)
                {
                    replies[i].TrySetResult(answers[i]);
                }
            }
#pragma warning disable CA1031 // Every kind of failure belongs to the callers, none to this loop.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (e is BufferUnavailableException)
                {
                    // Those behind would meet the same, one time-out after the other. They try again, or give up, in their own time. Before
                    // those of the batch are told: one of them that tries again at once is not among these.
                    FailWaiting(new BufferUnavailableException(e.Message, outcomeUnknown: false, cause: e));
                }

                replies.ForEach(reply => Fail(reply, e));
            }
        }
    }

    /// <summary>Begins a further batch whenever none of those under way has been taken for a while, as long as something waits.</summary>
    private async Task StepInAsync()
    {
        while (true)
        {
            var taken = Volatile.Read(ref _taken);
            await Task.Delay(patience).ConfigureAwait(false);
            bool isDue;
            lock (_lock)
            {
                _isWatched = _waiting.Count > 0 && _sending < concurrency;
                if (!_isWatched)
                {
                    return;
                }

                isDue = taken == _taken;
                _sending += isDue ? 1 : 0;
            }

            if (isDue)
            {
                Detached.Begin(static batcher => batcher.SendWaitingAsync(), this);
            }
        }
    }

    private async ValueTask<bool> TakeBatchAsync(List<TRequest> requests, List<TaskCompletionSource<TReply>> replies)
    {
        if (linger > TimeSpan.Zero)
        {
            await Task.Delay(linger).ConfigureAwait(false);
        }

        return TakeBatch(requests, replies);
    }

    private void FailWaiting(BufferUnavailableException error)
    {
        lock (_lock)
        {
            while (_waiting.TryDequeue(out var next))
            {
                Fail(next.Reply, error);
            }
        }
    }

    private static void Fail(TaskCompletionSource<TReply> reply, Exception error)
    {
        reply.TrySetException(error);

        // Its caller may have given up waiting; then nobody else looks at it.
        _ = reply.Task.Exception;
    }

    private bool TakeBatch(List<TRequest> requests, List<TaskCompletionSource<TReply>> replies)
    {
        requests.Clear();
        replies.Clear();
        lock (_lock)
        {
            var bytes = 0;
            while (requests.Count < maxItems && _waiting.TryPeek(out var next))
            {
                var size = sizeOf(next.Request);
                if (requests.Count > 0 && bytes + size > maxBytes)
                {
                    break;
                }

                bytes += size;
                _waiting.Dequeue();
                requests.Add(next.Request);
                replies.Add(next.Reply);
            }

            if (requests.Count == 0)
            {
                _sending--;
            }
            else
            {
                _taken++;
            }

            return requests.Count > 0;
        }
    }
}

/// <summary>
/// Divides what is sent at once into calls, as <see cref="GroupBatcher{TRequest, TReply}"/> does with what comes one by one.
/// </summary>
internal static class Chunks
{
    /// <summary>As many together as one call may have, in number and in bytes; what is larger by itself goes alone.</summary>
    public static IEnumerable<List<T>> Of<T>(IEnumerable<T> items, int maxItems, Func<T, int> sizeOf, int maxBytes)
    {
        var (chunk, bytes) = (new List<T>(), 0);
        foreach (var item in items)
        {
            var size = sizeOf(item);
            if (chunk.Count == maxItems || (chunk.Count > 0 && bytes + size > maxBytes))
            {
                yield return chunk;
                (chunk, bytes) = ([], 0);
            }

            chunk.Add(item);
            bytes += size;
        }

        if (chunk.Count > 0)
        {
            yield return chunk;
        }
    }
}
