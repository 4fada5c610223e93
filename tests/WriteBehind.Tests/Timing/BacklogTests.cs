using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

// redisson/redisson#4921: with a database slower than the writes, the queue of writes grew without end.
public sealed class BacklogTests
{
    private const int Keys = 50_000;
    private const int UpdatesPerTick = 20;
    private const int RowsPerSecond = 200;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task With_1000_updates_a_second_on_50000_keys_and_200_rows_a_second_the_backlog_never_exceeds_the_distinct_dirty_keys()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Engine = options => options.MaxConcurrentFlushes = 1,
            Item = item => item.BatchSize = 100,
        });
        using var slow = new SemaphoreSlim(0);
        engine.Sink.BeforeSave = ids => slow.WaitAsync(TimeSpan.FromSeconds((double)ids.Count / RowsPerSecond));

        var random = new Random(4921);
        var truth = new Dictionary<string, long>(StringComparer.Ordinal);
        var (worst, updates, checks) = (double.NegativeInfinity, 0, 0);
        using var until = new CancellationTokenSource(Watched);
        var writing = Paced.RunAsync(
            Tick,
            _ =>
            {
                string[] ids = [.. Enumerable.Range(0, UpdatesPerTick).Select(_ => PickKey(random))];
                lock (truth)
                {
                    updates += ids.Length;
                    Array.ForEach(ids, id => truth[id] = truth.GetValueOrDefault(id) + 1);
                }

                return Task.WhenAll(ids.Select(id => engine.Items.UpdateAsync(id, state => new Item((state?.Quantity ?? 0) + 1))));
            },
            until.Token);
        var watching = Paced.RunAsync(
            TimeSpan.FromMilliseconds(50),
            async _ =>
            {
                var dirty = (await engine.StatusAsync()).Dirty;
                lock (truth)
                {
                    // Asked before it is compared: the keys touched since only make the bound larger.
                    (worst, checks) = (Math.Max(worst, dirty - truth.Count), checks + 1);
                }
            },
            until.Token);
        await Task.WhenAll(writing, watching);

        var status = await engine.StatusAsync();
        var lag = $"{updates} updates of {truth.Count} keys, {status.Counters.RowsApplied} rows, {status.Dirty} dirty";
        Assert.True(worst <= 0 && checks > 10, lag);
        Assert.True(status.Dirty > 100 && status.Counters.RowsApplied < updates / 2, $"The database was not behind: {lag}.");
        Assert.InRange(status.Dirty, 1, truth.Count);

        engine.Sink.BeforeSave = null;
        slow.Release();
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
        var rows = await engine.Table.RowsAsync();
        Assert.Equal(truth.OrderBy(pair => pair.Key, StringComparer.Ordinal), rows.Values
            .Select(row => KeyValuePair.Create(row.Id, row.Quantity)).OrderBy(pair => pair.Key, StringComparer.Ordinal));
    }

    /// <summary>Half of the updates meet a hundred hot keys, so that there is something to coalesce.</summary>
    private static string PickKey(Random random)
    {
        var hot = random.Next(2) == 0;
        return $"k{random.Next(hot ? 100 : Keys)}";
    }
}
