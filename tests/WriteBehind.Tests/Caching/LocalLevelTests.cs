using WriteBehind.Caching;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class LocalLevelTests
{
    [Fact]
    public async Task A_read_from_the_first_level_asks_nobody()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(
            static cache =>
            {
                Local(cache);

                // A machine that stands still for a few seconds must not make the node lose its trust in what it has.
                cache.SyncInterval = TimeSpan.FromSeconds(10);
            },
            redis: redis.Configuration);
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(node, counters, loader, "a");

        using var monitor = await redis.MonitorAsync();
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        }

        var commands = await monitor.StopAsync();
        string[] parts = [node.KeyOf("e1:a"), node.KeyOf("d1:a")];
        Assert.DoesNotContain(commands, command => command.Arguments.Any(parts.Contains));
    }

    [Theory]
    [OnBoth("key")]
    [OnBoth("tag")]
    [OnBoth("all")]
    public async Task What_one_node_invalidates_every_node_drops(Servers on, string kind)
    {
        await using var node = await CacheNode.StartAsync(on, Local);
        await using var other = await node.StartOtherAsync(Local);
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(other, counters, loader, "a", "red");

        await (kind switch
        {
            "key" => node.Cache.RemoveAsync("a"),
            "tag" => node.Cache.RemoveTagAsync("red"),
            _ => node.Cache.RemoveAllAsync(),
        });
        await Eventually.TrueAsync(async () => (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        Assert.Equal(1, counters[CacheDiagnostics.InvalidationsSent]);
        await Eventually.TrueAsync(
            () => counters[CacheDiagnostics.InvalidationsReceived] == 1,
            because: "the node that removed it reads nothing, so only the other one listens");
    }

    [Theory]
    [OnBoth]
    public async Task A_removal_is_seen_by_its_own_process_at_once(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, Local);
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(node, counters, loader, "a");
        for (var i = 2; i < 200; i++)
        {
            await node.Cache.RemoveAsync("a");
            Assert.Equal(i, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        }
    }

    [Fact]
    public async Task A_message_that_got_lost_empties_the_first_level_within_about_two_intervals()
    {
        await using var node = await CacheNode.StartAsync(Local);
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(node, counters, loader, "a");

        // The same invalidation, told to nobody: what a lost message looks like from here.
        var redis = await SharedServers.RedisAsync();
        await redis.SendAsync(
            "EVAL", InvalidateScript.Script.Text, "4", node.KeyOf("control"), node.KeyOf("tags"), node.KeyOf("e1:a"), node.KeyOf("d1:a"),
            "nobody-listens-here", "0", "k", "60000000", "0", "a");
        await Eventually.TrueAsync(async () => (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        await Eventually.TrueAsync(() => counters[CacheDiagnostics.Gaps] == 1);
        Assert.True(node.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Warning, "missed invalidations"));
    }

    [Fact]
    public async Task A_node_that_was_cut_off_gives_nothing_that_was_invalidated_meanwhile()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var node = await CacheNode.StartAsync(Local);
        await using var far = await node.StartOtherAsync(Local, redis: redis.ConfigurationFor(proxy.Port));
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(far, counters, loader, "a");

        proxy.RefuseConnections = true;
        await proxy.CutAsync();
        await node.Cache.RemoveAsync("a");

        // Cut off, as it soon notices: it loads itself, and does not give what it can't vouch for.
        await Eventually.TrueAsync(async () => (await far.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number >= 2);
        await proxy.HealAsync();
        var now = await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await Eventually.TrueAsync(async () => (await far.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == now!.Number);

        // And it hears again.
        await node.Cache.RemoveAsync("a");
        await Eventually.TrueAsync(async () => (await far.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number > now!.Number);
    }

    [Fact]
    public async Task A_node_whose_connection_swallows_everything_stops_using_its_first_level()
    {
        var redis = await SharedServers.RedisAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var node = await CacheNode.StartAsync(Local);
        await using var far = await node.StartOtherAsync(Local, redis: redis.ConfigurationFor(proxy.Port, TimeSpan.FromMilliseconds(300)));
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await WarmAsync(far, counters, loader, "a");

        proxy.BlackHole();
        await node.Cache.RemoveAsync("a");
        await Eventually.TrueAsync(async () => (await far.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number >= 2);
    }

    [Fact]
    public void It_is_bounded_and_keeps_what_is_read()
    {
        var evicted = 0;
        var local = new LocalLevel(100, TimeProvider.System, () => evicted++);
        Put(local, "hot");
        for (var i = 0; i < 10_000; i++)
        {
            Put(local, $"k{i}");
            Assert.NotNull(local.Find("hot"));
        }

        Assert.Equal(10_001 - 100, evicted);
        Assert.Equal(100, Enumerable.Range(0, 10_000).Count(i => local.Find($"k{i}") is not null) + 1);
    }

    [Fact]
    public void What_was_invalidated_while_it_was_read_is_not_put()
    {
        var local = new LocalLevel(100, TimeProvider.System, static () => { });
        var versions = new[] { local.VersionOf("a"), local.VersionOf("b"), local.VersionOf("c") };
        local.Drop("a");
        local.Put(Entry("a"), versions[0]);
        Assert.Null(local.Find("a"));
        local.Put(Entry("b"), versions[1]);
        Assert.NotNull(local.Find("b"));
        local.DropTagged(["red"]);
        local.Put(Entry("c"), versions[2]);
        Assert.Null(local.Find("c"));
    }

    [Fact]
    public void Messages_in_any_order_are_a_whole_and_a_missing_one_shows_with_the_second_poll()
    {
        var sequence = new ShardSequence();
        Assert.True(sequence.Poll(10));
        sequence.Hear(20, 30);
        sequence.Hear(10, 20);
        Assert.True(sequence.Poll(30));
        Assert.True(sequence.Poll(40), "the message of 40 may be on its way");
        Assert.False(sequence.Poll(40));
        Assert.True(sequence.Poll(40));
        Assert.False(sequence.Poll(5), "Redis came back with less than it had");
        Assert.True(sequence.Poll(5));
    }

    [Fact]
    public void A_shard_without_invalidations_is_a_whole_and_so_is_its_first_one()
    {
        var sequence = new ShardSequence();
        Assert.True(sequence.Poll(0));
        sequence.Hear(0, 10);
        Assert.Equal(10, sequence.Known);
        Assert.True(sequence.Poll(10));
        Assert.True(sequence.Poll(10));
    }

    [Fact]
    public void What_is_heard_while_the_first_poll_is_under_way_is_known_though_redis_forgets_it_meanwhile()
    {
        var sequence = new ShardSequence();
        sequence.Hear(20, 30);
        sequence.Hear(10, 20);
        Assert.True(sequence.Poll(10), "as Redis has it after it went back");
        Assert.Equal(30, sequence.Known);

        sequence = new ShardSequence();
        sequence.Hear(10, 20);
        Assert.True(sequence.Poll(20), "heard before it was read");
        sequence.Hear(20, 30);
        Assert.True(sequence.Poll(30));
        Assert.True(sequence.Poll(30));
    }

    [Fact]
    public void A_missed_message_shows_once_though_others_are_heard_before_the_poll_that_finds_it_has_ended()
    {
        var sequence = new ShardSequence();
        Assert.True(sequence.Poll(10));
        Assert.True(sequence.Poll(20));
        sequence.Hear(30, 40);
        Assert.False(sequence.Poll(30), "nobody heard of 20");
        sequence.Hear(40, 50);
        Assert.True(sequence.Poll(50));
        Assert.True(sequence.Poll(50));
    }

    [Fact]
    public async Task A_shard_that_comes_into_being_with_a_read_is_not_taken_for_a_missed_invalidation()
    {
        await using var node = await CacheNode.StartAsync(Local);
        await node.Cache.GetOrLoadAsync("a", new Loader().LoadAsync);
        var redis = await SharedServers.RedisAsync();
        Assert.NotNull(await redis.SendAsync("HGET", node.KeyOf("control"), "n"));
        Assert.Null(await redis.SendAsync("HGET", node.KeyOf("control"), "i"));
    }

    // Nothing leaves it by itself while a test lasts.
    private static void Local(CacheOptions cache) => (cache.LocalCapacity, cache.LocalTtl) = (1000, TimeSpan.FromHours(1));

    /// <summary>Reads until the first level answers.</summary>
    private static Task WarmAsync(CacheNode node, CacheCounters counters, Loader loader, string key, params string[] tags)
        => Eventually.TrueAsync(async () =>
        {
            using var local = new LocalHits(node.Name);
            await node.Cache.GetOrLoadAsync(key, loader.LoadAsync, tags);
            return local.Count > 0 && counters[CacheDiagnostics.Hits] > 0;
        });

    private static void Put(LocalLevel local, string key) => local.Put(Entry(key), local.VersionOf(key));

    private static LocalEntry Entry(string key) => new(key, null, null, [], TimeSpan.Zero, long.MaxValue, long.MaxValue, 0);
}
