using System.Globalization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

[Collection(Alone.Name)]
public sealed class FailureFloodTests
{
    private const int Failures = 100_000;
    private const int Entities = 4_000;

    // hazelcast/hazelcast#14019, hazelcast/hazelcast#11389
    [Fact]
    public async Task A_hundred_thousand_failures_in_a_row_leave_queues_and_memory_flat()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Item = static item => (item.MaxAttempts, item.RetryDelay, item.FlushDelay) =
                (int.MaxValue, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)),

            // What is logged is kept by the test's log, which is not what is measured here.
            More = static builder => builder.Services.RemoveAll<ILoggerProvider>(),
        });
        var failures = 0;
        engine.Sink.BeforeSave = ids =>
        {
            Interlocked.Add(ref failures, ids.Count);
            throw new SinkException(SinkFailure.Entity, "No row can hold this (test).", "22001");
        };
        await WriteAllAsync(engine);

        await FailAsync(engine, () => Volatile.Read(ref failures) >= Failures / 4);
        var (memory, threads) = (GC.GetTotalMemory(forceFullCollection: true), ThreadPool.PendingWorkItemCount);
        await FailAsync(engine, () => Volatile.Read(ref failures) >= Failures);
        var grown = GC.GetTotalMemory(forceFullCollection: true) - memory;

        Assert.True(grown < 4 << 20, $"Memory grew by {grown / 1024} KiB over {Failures * 3 / 4} failures.");
        Assert.InRange(ThreadPool.PendingWorkItemCount, 0, threads + 1_000);
        Assert.Equal(Entities, (await engine.StatusAsync()).Dirty);
        Assert.Empty(await engine.Table.RowsAsync());

        engine.Sink.BeforeSave = null;
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.Equal(Entities, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task More_bad_entities_than_can_be_remembered_become_dead_letters_and_good_ones_still_land()
    {
        const int bad = 2_000;
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 1 });
        await Task.WhenAll(Enumerable.Range(0, bad).Select(i => engine.Items.SetAsync($"bad{i}", new Item(-1))));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => engine.Items.SetAsync($"good{i}", new Item(i))));

        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: bad });

        Assert.Equal(100, (await engine.Table.RowsAsync()).Count);
        Assert.Equal(bad, (await engine.Engine.DeadLetters.ListAsync("item", limit: 10_000)).Count);
        Assert.Equal(10, (await engine.Engine.DeadLetters.ListAsync("item", limit: 10)).Count);
    }

    private static Task<long[]> WriteAllAsync(TestEngine engine) => Task.WhenAll(Enumerable.Range(0, Entities).Select(
        i => engine.Items.SetAsync(i.ToString(CultureInfo.InvariantCulture), new Item(i))));

    /// <summary>Rewrites everything, and so has it tried at once, until enough of it has failed.</summary>
    private static async Task FailAsync(TestEngine engine, Func<bool> enough)
    {
        while (!enough())
        {
            await WriteAllAsync(engine);
            await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        }
    }
}
