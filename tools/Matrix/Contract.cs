using System.Diagnostics;
using WriteBehind;
using WriteBehind.TestTools;

namespace Matrix;

/// <summary>What holds on every combination of servers, each in a few lines on the real thing.</summary>
internal static class Contract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static IReadOnlyList<(string Name, Func<Engine, Task> Check)> All { get; } =
    [
        ("an acknowledged write is read back, and flushed", async engine =>
        {
            Equal(1, await engine.Counters.SetAsync("a", new Counter(7)));
            Equal(new Entity<Counter>("a", 1, new Counter(7)), await engine.Counters.GetAsync("a"));
            await engine.Counters.FlushAsync("a", Patience);
            Equal(7L, await engine.RowAsync("a"));
        }),
        ("a write on another version is refused", async engine =>
        {
            await engine.Counters.SetAsync("b", new Counter(1));
            await ThrowsAsync<WriteConflictException>(() => engine.Counters.SetAsync("b", new Counter(2), expectedVersion: 7));
            Equal(1L, (await engine.Counters.GetAsync("b"))!.State.Count);
        }),
        ("fifty changes at once all count", async engine =>
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => engine.Counters.UpdateAsync("c", Add(1))));
            await engine.Counters.FlushAsync("c", Patience);
            Equal(50L, await engine.RowAsync("c"));
        }),
        ("what is written while it is flushed is flushed again", async engine =>
        {
            for (var i = 1; i <= 40; i++)
            {
                await engine.Counters.UpdateAsync("d", Add(1));
                await Task.WhenAll(engine.Counters.FlushAsync("d", Patience), engine.Counters.UpdateAsync("d", Add(1)));
            }

            await engine.Counters.FlushAsync("d", Patience);
            Equal(80L, await engine.RowAsync("d"));
        }),
        ("a delete takes the row, and the entity begins anew above its version", async engine =>
        {
            await engine.Counters.SetAsync("e", new Counter(1));
            await engine.Counters.FlushAsync("e", Patience);
            await engine.Counters.DeleteAsync("e");
            await engine.Counters.FlushAsync("e", Patience);
            Equal(null, await engine.RowAsync("e"));
            Equal(3L, await engine.Counters.SetAsync("e", new Counter(5)));
        }),
        ("an operation that is repeated counts once, also after the flush", async engine =>
        {
            var operation = OperationId.New();
            var first = await engine.Counters.UpdateAsync("f", operation, Add(3));
            await engine.Counters.FlushAsync("f", Patience);
            var repeat = await engine.Counters.UpdateAsync("f", operation, Add(3));
            Equal((first.Version, true, 3L), (repeat.Version, repeat.IsRepeat, (await engine.Counters.GetAsync("f"))!.State.Count));
        }),
        ("a row that the database rejects is set aside, and comes back with the next write", async engine =>
        {
            await engine.Counters.SetAsync("g", new Counter(-1));
            await ThrowsAsync<EntityRejectedException>(() => engine.Counters.FlushAsync("g", Patience));
            await Eventually.TrueAsync(
                async () => (await engine.Own.DeadLetters.ListAsync("counter")).Any(static letter => letter.Id == "g"));
            await engine.Counters.SetAsync("g", new Counter(1));
            await engine.Counters.FlushAsync("g", Patience);
            Equal(1L, await engine.RowAsync("g"));
        }),
        ("at its bound the buffer refuses further entities and takes those it has", async engine =>
        {
            for (var i = 0; i < 3; i++)
            {
                await engine.Few.SetAsync($"few{i}", new Bounded(i));
            }

            await ThrowsAsync<BufferFullException>(() => engine.Few.SetAsync("few3", new Bounded(3)));
            await engine.Few.SetAsync("few0", new Bounded(9));
        }),
        ("a write through is in the database when it is acknowledged", async engine =>
        {
            await engine.Counters.With(WriteStrategy.Through).SetAsync("h", new Counter(4));
            Equal(4L, await engine.RowAsync("h"));
        }),
        ("a thousand readers of a cold key load once", async engine =>
        {
            var loads = 0;
            await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => engine.Cache.GetOrLoadAsync(
                "ada",
                async token =>
                {
                    Interlocked.Increment(ref loads);
                    await Task.Yield();
                    return "Ada";
                }).AsTask()));
            Equal(1, loads);
        }),
        ("of twenty calls at once five are admitted", async engine =>
        {
            var leases = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => engine.Limiter("ada").AcquireAsync().AsTask()));
            Equal(5, leases.Count(static lease => lease.IsAcquired));
        }),
        ("an item of a queue is taken, and gone once it is acknowledged", async engine =>
        {
            await engine.Queue.EnqueueAsync("letter");
            await using var worker = engine.Queue.OpenWorker();
            var batch = await worker.TakeAsync();
            Equal("letter", batch.Items.Single());
            Equal(1, await batch.AcknowledgeAsync());
        }),
    ];

    /// <summary>
    /// Two processes that add to the same counters for some seconds, each change as an operation that is repeated until it is answered,
    /// while the servers are disturbed where the place does so. In the end the rows are exact, but for operations of which nobody knows any
    /// more whether they counted: what Redis forgot with a master is told as that, and never counted twice.
    /// </summary>
    public static async Task<long> RunJobAsync(Place place, Engine first, Engine second, string prefix)
    {
        var (acknowledged, forgotten) = (0L, 0L);
        var until = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * 5);
        var callers = Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; Stopwatch.GetTimestamp() < until; i++)
            {
                try
                {
                    await RepeatAsync(i % 2 == 0 ? first : second, $"{prefix}{(caller + i) % 100}", OperationId.New());
                    Interlocked.Increment(ref acknowledged);
                }
                catch (OperationForgottenException)
                {
                    Interlocked.Increment(ref forgotten);
                }
            }
        }));
        await Task.WhenAll(callers.Append(place.Disturb?.Invoke() ?? Task.CompletedTask));
        await Eventually.TrueAsync(
            async () => (await first.Own.FlushAllAsync(Patience)).Remaining.GetValueOrDefault("counter") == 0);
        var sum = await first.SumAsync(prefix);
        Equal(true, sum >= acknowledged && sum <= acknowledged + forgotten && (forgotten == 0 || place.Disturb is not null));
        return acknowledged;
    }

    private static async Task RepeatAsync(Engine engine, string id, string operation)
    {
        var deadline = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * 120);
        while (true)
        {
            try
            {
                await engine.Counters.UpdateAsync(id, operation, Add(1));
                return;
            }
            catch (BufferUnavailableException) when (Stopwatch.GetTimestamp() < deadline)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private static Func<Counter?, Counter?> Add(long count) => counter => new Counter((counter?.Count ?? 0) + count);

    private static void Equal<T>(T expected, T found)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, found))
        {
            throw new InvalidOperationException($"{found} instead of {expected}");
        }
    }

    private static async Task ThrowsAsync<TError>(Func<Task> call)
        where TError : Exception
    {
        try
        {
            await call();
        }
        catch (TError)
        {
            return;
        }

        throw new InvalidOperationException($"No {typeof(TError).Name}");
    }
}
