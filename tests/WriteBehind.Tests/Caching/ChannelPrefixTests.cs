using WriteBehind.Caching;
using WriteBehind.Tests.Caching.Queues;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

/// <summary>
/// With <c>channelPrefix=</c> in the connection string the library puts the prefix before what it subscribes to, and not before what a
/// script publishes.
/// </summary>
public sealed class ChannelPrefixTests
{
    // Longer than anything is waited for: nothing but a message may be what the test sees.
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task Invalidations_arrive_by_message()
    {
        var redis = await PrefixedAsync();
        await using var node = await CacheNode.StartAsync(Local, redis: redis);
        await using var other = await node.StartOtherAsync(Local);
        var loader = new Loader();
        await Eventually.TrueAsync(async () =>
        {
            using var local = new LocalHits(node.Name);
            await other.Cache.GetOrLoadAsync("a", loader.LoadAsync);
            return local.Count > 0;
        });

        await node.Cache.RemoveAsync("a");

        await Eventually.TrueAsync(async () => (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
    }

    [Fact]
    public async Task A_worker_of_a_queue_is_woken_by_message()
    {
        await using var service = QueueService.Start(
            await PrefixedAsync(), SharedServers.FreshName("queue"), static queue => queue.PollInterval = TimeSpan.FromHours(1));
        await using var worker = service.Queue.OpenWorker();
        var take = worker.TakeAsync();
        await Eventually.TrueAsync(async () => (await service.Queue.CountAsync()).Workers == 1);

        // One that is asked for before the worker waits for messages would be found without any.
        await service.AddAsync("a");
        Assert.Equal(["a"], (await take.WaitAsync(Eventually.DefaultDeadline)).Items);
        take = worker.TakeAsync();
        await service.AddAsync("b");
        Assert.Equal(["b"], (await take.WaitAsync(Eventually.DefaultDeadline)).Items);
    }

    private static async Task<string> PrefixedAsync() => (await SharedServers.RedisAsync()).Configuration + ",channelPrefix=staging:";

    private static void Local(CacheOptions cache)
        => (cache.LocalCapacity, cache.SyncInterval, cache.LocalTtl, cache.Ttl) = (100, Long, Long, Long);
}
