using WriteBehind.Caching;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class CacheOutageTests
{
    [Fact]
    public async Task Without_redis_reads_go_to_the_loader_one_at_a_time_per_key()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await redis.KillAsync();

        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        loader.OnCall = async call =>
        {
            reached.TrySetResult();
            await go.Task;
            return new Page(call);
        };
        var reads = Enumerable.Range(0, 100).Select(_ => node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask()).ToArray();
        await reached.Task;
        go.SetResult();

        // One load; and another one for those that came after the node had noticed (once more, at each attempt to connect) that it hears of
        // no invalidations.
        Assert.All(await Task.WhenAll(reads), static page => Assert.InRange(page!.Number, 2, 12));
        Assert.InRange(loader.Calls, 2, 12);
        Assert.True(counters[CacheDiagnostics.RedisFailures] > 0);

        await redis.RestartAsync();
        loader.OnCall = static call => Task.FromResult<Page?>(new Page(call));
        await Eventually.TrueAsync(async () =>
            (await node.Cache.GetOrLoadAsync(
                "a", loader.LoadAsync))!.Number == (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task Without_redis_the_loads_of_all_keys_together_are_bounded()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(static cache => cache.MaxConcurrentLoads = 3, redis: redis.Configuration);
        await redis.KillAsync();
        var (now, most) = (0, 0);
        var loader = new Loader
        {
            OnCall = async call =>
            {
                most = Math.Max(most, Interlocked.Increment(ref now));
                await node.Engine.Table.ExecuteAsync("SELECT pg_sleep(0.02)");
                Interlocked.Decrement(ref now);
                return new Page(call);
            },
        };
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => node.Cache.GetOrLoadAsync($"k{i}", loader.LoadAsync).AsTask()));
        Assert.InRange(most, 2, 3);
    }

    [Fact]
    public async Task Without_redis_a_removal_is_an_error_that_says_what_it_means()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        await node.Cache.GetOrLoadAsync("a", new Loader().LoadAsync);
        await redis.KillAsync();
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => node.Cache.RemoveAsync("a"));
        Assert.Contains("Try again", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
    }

    [Fact]
    public async Task Without_the_database_fresh_rows_are_read_on_and_others_are_an_error_with_its_cause()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new Support.ItemTable(database).CreateAsync();
        await using var node = await CacheNode.StartAsync(postgres: database);
        await node.Readings.SetAsync("a", new Support.Reading { Count = 1 });
        await postgres.KillAsync();

        Assert.Equal(1, (await node.Readings.GetAsync("a"))!.State.Count);
        var error = await Assert.ThrowsAsync<CacheLoadException>(async () => await node.Readings.GetAsync("b"));
        Assert.IsType<SinkException>(error.InnerException);
        await Assert.ThrowsAsync<SinkException>(() => node.Readings.SetAsync("a", new Support.Reading { Count = 2 }));
    }
}
