using System.Diagnostics;
using WriteBehind.Caching;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class StampedeTests
{
    [Fact]
    public async Task A_thousand_cold_reads_over_three_processes_are_one_load()
    {
        await using var node = await CacheNode.StartAsync();
        var redis = await SharedServers.RedisAsync();
        var readers = Enumerable.Range(0, 3).Select(_ => ChildEngine.Start<StampedingReader>(node.Engine.Options, node.Name, "334"))
            .ToList();
        try
        {
            await Task.WhenAll(readers.Select(reader => reader.WaitForLineAsync(static line => line == "ready")));
            await redis.SendAsync("SET", StampedingReader.GoKey(node.Engine.Options), "1");
            foreach (var reader in readers)
            {
                Assert.Equal(
                    "read 334 of 1", await reader.WaitForLineAsync(static line => line.StartsWith("read ", StringComparison.Ordinal)));
            }
        }
        finally
        {
            foreach (var reader in readers)
            {
                await reader.DisposeAsync();
            }
        }

        Assert.Equal("1", await redis.SendAsync("GET", StampedingReader.LoadsKey(node.Engine.Options)));
    }

    [Fact]
    public async Task A_loader_killed_while_it_holds_the_lock_delays_the_others_by_no_more_than_the_lease()
    {
        await using var node = await CacheNode.StartAsync(
            static cache => (cache.LockLease, cache.LockWait) = (TimeSpan.FromSeconds(6), TimeSpan.FromMinutes(10)));
        using var counters = new CacheCounters(node.Name);
        await using var holder = ChildEngine.Start<HangingLoader>(node.Engine.Options, node.Name);
        await holder.WaitForLineAsync(static line => line == "loading");

        // It lives and renews: longer than a lease nobody else loads.
        var loader = new Loader();
        var waiting = node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask();
        var since = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(() => Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(7));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, loader.Calls);

        // The lease, and the time to notice; not the wait, which is longer than any test.
        holder.Kill();
        Assert.Equal(1, (await waiting.WaitAsync(Eventually.DefaultDeadline))!.Number);
        Assert.Equal((1, 1), (loader.Calls, counters[CacheDiagnostics.LockWaits]));
    }

    [Theory]
    [OnBoth]
    public async Task A_wait_is_bounded_and_then_the_caller_loads_itself(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        await using var other = await node.StartOtherAsync(static cache => cache.LockWait = TimeSpan.FromMilliseconds(300));
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = HoldAsync(node, reached, go);
        await reached.Task;
        Assert.Equal(1, (await other.Cache.GetOrLoadAsync("a", new Loader().LoadAsync))!.Number);
        go.SetResult();
        await slow;
    }

    [Theory]
    [OnBoth]
    public async Task A_wait_is_bounded_and_then_the_caller_gets_the_stale_value_where_that_is_allowed(Servers on)
    {
        static void Stale(CacheOptions cache)
            => (cache.Ttl, cache.NegativeTtl, cache.MaxStale, cache.LockWait) =
                (TimeSpan.FromMilliseconds(50), TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(300));
        await using var node = await CacheNode.StartAsync(on, static cache =>
        {
            Stale(cache);
            cache.LockLease = TimeSpan.FromMinutes(10);
        });
        await using var other = await node.StartOtherAsync(Stale);
        using var counters = new CacheCounters(node.Name);
        await node.Cache.GetOrLoadAsync<Page>("a", static _ => Task.FromResult<Page?>(new Page(7)));
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = Task.FromResult<Page?>(null);
        await Eventually.TrueAsync(() =>
        {
            // It is held up once the entry has expired; until then it reads.
            slow = slow.IsCompleted && !reached.Task.IsCompleted ? HoldAsync(node, reached, go) : slow;
            return reached.Task.IsCompleted;
        });
        var loader = new Loader();
        Assert.Equal(7, (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal((0, 1), (loader.Calls, counters[CacheDiagnostics.StaleHits]));

        // Counted once: the only miss was that of the first read.
        Assert.Equal(1, counters[CacheDiagnostics.Misses]);
        go.SetResult();
        await slow;
    }

    [Theory]
    [OnBoth]
    public async Task A_load_that_fails_frees_the_lock_and_another_process_tries(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, static cache => cache.LockLease = TimeSpan.FromMinutes(10));
        await using var other = await node.StartOtherAsync(static cache => cache.LockWait = TimeSpan.FromMinutes(10));
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var failing = node.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.SetResult();
            await go.Task;
            throw new TimeoutException();
        }).AsTask();
        await reached.Task;
        var loader = new Loader();
        var waiting = other.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask();
        go.SetResult();
        Assert.Equal(1, (await waiting.WaitAsync(Eventually.DefaultDeadline))!.Number);
        await Assert.ThrowsAsync<CacheLoadException>(() => failing);
    }

    [Fact]
    public async Task An_entry_near_its_end_is_refreshed_beside_the_reads_which_go_on_getting_it()
    {
        await using var node = await CacheNode.StartAsync(static cache => cache.EarlyRefresh = 100);
        using var counters = new CacheCounters(node.Name);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var loader = new Loader
        {
            OnCall = async call =>
            {
                if (call == 1)
                {
                    // The database is slow; XFetch goes by how long it took.
                    await node.Engine.Table.ExecuteAsync("SELECT pg_sleep(0.2)");
                }
                else
                {
                    reached.SetResult();
                    await go.Task;
                }

                return new Page(call);
            },
        };
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        var redis = await SharedServers.RedisAsync();
        var took = double.Parse(
            (await redis.SendAsync("HGET", node.KeyOf("e1:a"), "c"))!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(took, 200, double.MaxValue);

        // As near to its end as the time that its load took: five minutes for both.
        await node.SetFieldAsync("a", "c", "300000");
        await Eventually.TrueAsync(
            async () => (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 1 && reached.Task.IsCompleted);

        // The refresh does not end before these reads do, so none of them waited for it.
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(
                1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask().WaitAsync(Eventually.DefaultDeadline))!.Number);
        }

        go.SetResult();
        await Eventually.TrueAsync(async () => (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        Assert.Equal((2, 1, 1), (loader.Calls, counters[CacheDiagnostics.EarlyRefreshes], counters[CacheDiagnostics.Misses]));
    }

    [Theory]
    [InlineData(0.5, 0.6065307)]
    [InlineData(1.0, 0.3678794)]
    [InlineData(3.0, 0.0497871)]
    public void The_chance_of_an_early_refresh_falls_exponentially_with_the_time_left(double loadTimesLeft, double expected)
    {
        var delta = TimeSpan.FromMilliseconds(100);
        const int Draws = 100_000;
        var due = Enumerable.Range(0, Draws).Count(i => EarlyExpiration.IsDue(delta * loadTimesLeft, delta, 1, (i + 0.5) / Draws));
        Assert.Equal(expected, due / (double)Draws, 3);
        Assert.False(EarlyExpiration.IsDue(TimeSpan.Zero, delta, 0, 0.99));
    }

    private static Task<Page?> HoldAsync(CacheNode node, TaskCompletionSource reached, TaskCompletionSource go)
        => node.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.TrySetResult();
            await go.Task;
            return new Page(99);
        }).AsTask();
}
