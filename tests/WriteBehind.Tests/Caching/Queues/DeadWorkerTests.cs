using WriteBehind.Queues;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Queues;

public sealed class DeadWorkerTests
{
    [Fact]
    public async Task Exactly_what_a_killed_worker_held_is_delivered_again_in_order_before_anything_else()
    {
        await using var service = await QueueService.StartAsync();
        var redis = (await SharedServers.RedisAsync()).Configuration;
        await service.AddAsync("a", "hold 1", "b", "hold 2", "c", "hold 3");
        await using (var killed = Program.Start<HoldingWorker>(redis, service.Prefix, "6"))
        {
            await killed.WaitForLineAsync(static line => line == "done c");
            killed.Kill();
            await killed.WaitForExitAsync();
        }

        await service.AddAsync("d");
        Assert.Equal(new QueueCounts(1, 3, 1), await service.Queue.CountAsync());
        await Eventually.TrueAsync(async () => await LeasesOverAsync() == "1");
        await using var worker = service.Queue.OpenWorker();

        Assert.Equal(["hold 1", "hold 2", "hold 3", "d"], (await worker.TakeAsync(10)).Items);
        Assert.Equal(new QueueCounts(0, 4, 1), await service.Queue.CountAsync());

        async Task<string?> LeasesOverAsync() => await (await SharedServers.RedisAsync()).SendAsync(
            "EVAL", "return redis.call('ZCOUNT', KEYS[1], '-inf', redis.call('TIME')[1] * 1000)",
            "1", $"{service.Prefix}:{{jobs}}:queue:workers");
    }

    [Fact]
    public async Task Nothing_is_lost_and_nothing_acknowledged_comes_back_when_workers_in_several_processes_are_killed_all_the_time()
    {
        await using var service = await QueueService.StartAsync();
        var redis = (await SharedServers.RedisAsync()).Configuration;
        var items = new List<string>();
        var children = Enumerable.Range(0, 2).Select(_ => Program.Start<HoldingWorker>(redis, service.Prefix, "7")).ToList();
        try
        {
            for (var killed = 0; killed < 4; killed++)
            {
                // The other one is quick: there are new items until this one has had some, too.
                var victim = children[^1];
                await Eventually.TrueAsync(async () =>
                {
                    string[] more = [.. Enumerable.Range(items.Count, 100).Select(i => $"{i}")];
                    items.AddRange(more);
                    await service.AddAsync(more);
                    return victim.Output.Count > 0;
                });
                victim.Kill();
                await victim.WaitForExitAsync();
                children.Add(Program.Start<HoldingWorker>(redis, service.Prefix, "7"));
            }

            await Eventually.TrueAsync(
                async () => await service.Queue.CountAsync() is { Waiting: 0, Held: 0 }, TimeSpan.FromSeconds(60),
                "everything is acknowledged in the end");
            var took = Lines("took");
            Assert.Equal(items.Order(StringComparer.Ordinal), took.Distinct().Order(StringComparer.Ordinal));

            // What was said to be done was acknowledged before, and so was delivered to nobody else.
            Assert.All(
                took.GroupBy(static item => item).Where(static group => group.Count() > 1),
                group => Assert.Single(Lines("done"), group.Key));
        }
        finally
        {
            foreach (var child in children)
            {
                await child.DisposeAsync();
            }
        }

        List<string> Lines(string verb) => [.. children.SelectMany(child => child.Output)
            .Where(line => line.StartsWith(verb + " ", StringComparison.Ordinal)).Select(line => line.Split(' ')[1])];
    }

    [Fact]
    public async Task A_worker_that_stood_still_can_not_acknowledge_what_others_have_taken_over_and_goes_on_with_new_items()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var cut = QueueService.Start(redis.ConfigurationFor(proxy.Port, TimeSpan.FromMilliseconds(300)), "queue");
        await using var service = QueueService.Start(
            redis.Configuration, "queue", static options => options.Lease = TimeSpan.FromSeconds(12));
        await service.AddAsync("a");
        await using var still = cut.Queue.OpenWorker();
        var held = await still.TakeAsync();

        // It can't say that it lives for longer than its lease.
        proxy.RefuseConnections = true;
        await proxy.CutAsync();
        await using var other = service.Queue.OpenWorker();
        var taken = await other.TakeAsync();
        await service.AddAsync("a");
        await proxy.HealAsync();
        await Eventually.TrueAsync(async () => (await still.TryTakeAsync(1, TimeSpan.Zero)).Items.Count == 1);

        // "a" is held by both, each in a delivery of its own. The late acknowledgement touches neither.
        Assert.Equal(0, await held.AcknowledgeAsync());
        Assert.Equal(2, (await service.Queue.CountAsync()).Held);
        Assert.Equal(1, await taken.AcknowledgeAsync());
    }

    [Theory]
    [OnBoth]
    public async Task A_worker_keeps_its_items_however_long_it_works_on_them(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.Lease = TimeSpan.FromSeconds(6));
        await using var slow = service.Queue.OpenWorker();
        await using var eager = service.Queue.OpenWorker();
        await service.AddAsync("a");
        var batch = await slow.TakeAsync();

        // Longer than a lease, which is longer than a busy machine stands still.
        for (var i = 0; i < 16; i++)
        {
            Assert.Empty((await eager.TryTakeAsync(1, TimeSpan.FromMilliseconds(500))).Items);
        }

        Assert.Equal(1, await batch.AcknowledgeAsync());
    }
}
