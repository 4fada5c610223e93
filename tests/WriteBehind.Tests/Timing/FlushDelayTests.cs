using System.Collections.Concurrent;
using System.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

// hazelcast/hazelcast#7464, hazelcast/hazelcast#7214: every further write put the flush off, so that hot entries were never stored.
public sealed class FlushDelayTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Watched = MaxAge + TimeSpan.FromSeconds(2);

    private static readonly TestEngineOptions Sweeping = new()
    {
        Sweep = true,
        Item = item => (item.FlushDelay, item.MaxAge) = (Delay, MaxAge),
    };

    [Theory]
    [InlineData("constant hot rewriting", 3, 20)]
    [InlineData("a slow trickle", 100, 10_000)]
    public async Task No_dirty_entity_is_ever_older_than_MaxAge_under(string load, int periodInMs, int entities)
    {
        await using var engine = await TestEngine.StartAsync(Sweeping);
        var oldest = TimeSpan.Zero;
        using var until = new CancellationTokenSource(Watched);
        var writing = Paced.RunAsync(
            TimeSpan.FromMilliseconds(periodInMs),
            tick => engine.Items.UpdateAsync($"e{tick % entities}", state => new Item((state?.Quantity ?? 0) + 1)),
            until.Token);
        var watching = Paced.RunAsync(
            TimeSpan.FromMilliseconds(20),
            async _ =>
            {
                var age = (await engine.StatusAsync()).OldestDirtyAge ?? TimeSpan.Zero;
                oldest = age > oldest ? age : oldest;
            },
            until.Token);
        await Task.WhenAll(writing, watching);

        Assert.True(engine.Sink.Batches > 2, $"Only {engine.Sink.Batches} batches under {load}.");
        Assert.InRange(oldest, TimeSpan.FromMilliseconds(50), MaxAge);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
        Assert.Equal(
            (await engine.StatusAsync()).Counters.WritesAcknowledged, (await engine.Table.RowsAsync()).Values.Sum(row => row.Quantity));
    }

    [Fact]
    public async Task The_delay_counts_from_the_first_unflushed_write_however_often_the_entity_is_rewritten()
    {
        await using var engine = await TestEngine.StartAsync(Sweeping);
        var saves = new ConcurrentQueue<long>();
        engine.Sink.BeforeSave = _ =>
        {
            saves.Enqueue(Stopwatch.GetTimestamp());
            return Task.CompletedTask;
        };

        // Never a pause as long as the delay: a delay that began anew with each write would never end.
        var started = Stopwatch.GetTimestamp();
        using var until = new CancellationTokenSource();
        var writing = Paced.RunAsync(TimeSpan.FromMilliseconds(5), tick => engine.Items.SetAsync("hot", new Item(tick)), until.Token);
        await Eventually.TrueAsync(() => saves.Count >= 4);
        await until.CancelAsync();
        await writing;

        // At most one flush per delay, too: what was written during a flush waits for its own delay. (On the whole, and half of it, as a
        // save is seen later than the claim it counts from.)
        var times = saves.Prepend(started).ToArray();
        var pauses = times.Zip(times.Skip(1), (a, b) => Stopwatch.GetElapsedTime(a, b)).ToArray();
        Assert.All(pauses, pause => Assert.InRange(pause, TimeSpan.Zero, MaxAge));
        Assert.True(Stopwatch.GetElapsedTime(times[0], times[^1]) >= pauses.Length * Delay / 2, string.Join(", ", pauses));
        var counters = (await engine.StatusAsync()).Counters;
        Assert.True(
            counters.BufferWrites > 10 * counters.RowsApplied, $"{counters.BufferWrites} writes became {counters.RowsApplied} rows.");
    }

    [Fact]
    public async Task Nothing_is_flushed_by_the_sweep_before_its_delay()
    {
        await using var engine = await TestEngine.StartAsync(
            Sweeping with { Item = item => item.FlushDelay = item.MaxAge = TimeSpan.FromMinutes(1) });
        await engine.Items.SetAsync("a", new Item(1));

        var rounds = 0;
        DateTimeOffset? last = null;
        await Eventually.TrueAsync(async () =>
        {
            var completed = (await engine.Engine.GetStatusAsync()).Loops.Single(loop => loop.Name == "sweep item").LastCompletedAt;
            rounds += completed != last ? 1 : 0;
            last = completed;
            return rounds >= 2;
        });
        Assert.Equal(0, engine.Sink.Batches);
        await engine.FlushAsync("a");
        Assert.Equal(1, engine.Sink.Batches);
    }
}
