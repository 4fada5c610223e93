using Microsoft.Extensions.Options;
using WriteBehind.Queues;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Queues;

public sealed class ReliableQueueTests
{
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    [Theory]
    [OnBoth]
    public async Task Items_are_delivered_in_order_and_gone_once_they_are_acknowledged(Servers on)
    {
        await using var service = await QueueService.StartAsync(on);
        await using var worker = service.Queue.OpenWorker();
        await service.AddAsync("a", "b", "c", "d");

        var first = await worker.TakeAsync(3);
        Assert.Equal(["a", "b", "c"], first.Items);
        Assert.Equal(new QueueCounts(1, 3, 1), await service.Queue.CountAsync());
        Assert.Equal(1, await first.AcknowledgeAsync(["b"]));
        Assert.Equal(2, await first.AcknowledgeAsync());
        Assert.Equal(0, await first.AcknowledgeAsync());

        Assert.Equal(["d"], (await worker.TakeAsync(3)).Items);
        Assert.Equal(new QueueCounts(0, 1, 1), await service.Queue.CountAsync());
    }

    [Theory]
    [OnBoth]
    public async Task What_is_given_back_comes_next_in_its_old_order(Servers on)
    {
        await using var service = await QueueService.StartAsync(on);
        await using var worker = service.Queue.OpenWorker();
        await service.AddAsync("a", "b", "c", "d", "e");
        var batch = await worker.TakeAsync(4);
        await batch.AcknowledgeAsync(["c"]);

        Assert.Equal(3, await batch.ReturnAsync());

        Assert.Equal(["a", "b", "d", "e"], (await worker.TakeAsync(10)).Items);
    }

    [Theory]
    [OnBoth]
    public async Task A_worker_that_is_closed_gives_back_what_it_holds_at_once(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.Lease = Never);
        await service.AddAsync("a", "b", "c");
        var leaving = service.Queue.OpenWorker();
        await leaving.TakeAsync(2);
        await leaving.DisposeAsync();

        await using var other = service.Queue.OpenWorker();
        Assert.Equal(["a", "b", "c"], (await other.TakeAsync(10)).Items);
        Assert.Equal(1, (await service.Queue.CountAsync()).Workers);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => leaving.TakeAsync());
    }

    [Theory]
    [OnBoth]
    public async Task A_waiting_worker_is_woken_by_a_message_long_before_it_would_have_looked(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.PollInterval = Never);
        await using var worker = service.Queue.OpenWorker();
        var waiting = worker.TakeAsync();
        await Eventually.TrueAsync(async () => (await service.Queue.CountAsync()).Workers == 1);

        for (var i = 0; i < 20; i++)
        {
            Assert.False(waiting.IsCompleted);
            await service.AddAsync($"{i}");
            Assert.Equal([$"{i}"], (await waiting.WaitAsync(Eventually.DefaultDeadline)).Items);
            waiting = worker.TakeAsync();
        }

        await service.AddAsync("last");
        await waiting.WaitAsync(Eventually.DefaultDeadline);
    }

    [Fact]
    public async Task A_worker_whose_wake_up_got_lost_finds_the_item_when_it_looks()
    {
        await using var service = await QueueService.StartAsync(options => options.PollInterval = TimeSpan.FromMilliseconds(50));
        await using var worker = service.Queue.OpenWorker();
        var waiting = worker.TakeAsync();
        await Eventually.TrueAsync(async () => (await service.Queue.CountAsync()).Workers == 1);

        // Past the script, so that nobody says anything.
        await (await SharedServers.RedisAsync()).SendAsync("LPUSH", $"{service.Prefix}:{{jobs}}:queue:ready", "unannounced");

        Assert.Equal(["unannounced"], (await waiting.WaitAsync(Eventually.DefaultDeadline)).Items);
    }

    [Theory]
    [OnBoth]
    public async Task Waiting_ends_with_its_time_and_with_its_cancellation(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.PollInterval = Never);
        await using var worker = service.Queue.OpenWorker();
        Assert.Empty((await worker.TryTakeAsync(1, TimeSpan.FromMilliseconds(50))).Items);
        using var cancelled = new CancellationTokenSource();
        var waiting = worker.TakeAsync(1, cancelled.Token);
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        // And neither of the two waits is left behind to swallow the next message.
        waiting = worker.TakeAsync();
        await service.AddAsync("a");
        Assert.Equal(["a"], (await waiting.WaitAsync(Eventually.DefaultDeadline)).Items);
    }

    [Theory]
    [OnBoth]
    public async Task A_duplicate_is_left_out_while_an_equal_item_waits_and_not_once_it_is_taken(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.Deduplicate = true);
        await using var worker = service.Queue.OpenWorker();
        await service.AddAsync("a");
        Assert.Equal(EnqueueOutcome.AlreadyWaiting, await service.Queue.EnqueueAsync("a"));
        var batch = await worker.TakeAsync(10);
        await service.AddAsync("a");

        // The one that was added meanwhile stands for the one that comes back.
        await batch.ReturnAsync();
        Assert.Equal(["a"], (await worker.TakeAsync(10)).Items);
        Assert.Equal(0, (await service.Queue.CountAsync()).Waiting);
    }

    [Theory]
    [OnBoth]
    public async Task A_full_queue_refuses_items_and_takes_them_again_when_there_is_room(Servers on)
    {
        await using var service = await QueueService.StartAsync(on, options => options.MaxLength = 2);
        await using var worker = service.Queue.OpenWorker();
        await service.AddAsync("a", "b");
        Assert.Equal(EnqueueOutcome.Full, await service.Queue.EnqueueAsync("c"));
        await worker.TakeAsync();
        await service.AddAsync("c");
        await Assert.ThrowsAsync<ArgumentException>(() => service.Queue.EnqueueAsync(new string('x', 5000)));
    }

    [Fact]
    public async Task All_keys_of_a_queue_are_in_one_hash_slot_and_a_cluster_takes_them()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var service = QueueService.Start(cluster.Configuration, "queue");
        await using var worker = service.Queue.OpenWorker();
        var waiting = worker.TakeAsync(10);
        await service.AddAsync("a", "b");
        Assert.Equal("a", (await waiting.WaitAsync(Eventually.DefaultDeadline)).Items[0]);
        await worker.DisposeAsync();
        await using var other = service.Queue.OpenWorker();
        Assert.Equal(["a", "b"], (await other.TakeAsync(10)).Items);
    }

    [Theory]
    [InlineData("Lease")]
    [InlineData("PollInterval")]
    [InlineData("MaxLength")]
    [InlineData("MaxItemBytes")]
    public async Task A_wrong_setting_is_named_with_its_value_and_the_fix(string setting)
    {
        await using var service = QueueService.Start("localhost:1", "queue", options =>
        {
            var property = typeof(QueueOptions).GetProperty(setting)!;
            property.SetValue(options, property.PropertyType == typeof(int) ? 0 : TimeSpan.Zero);
        });
        var failure = Assert.Single(Assert.Throws<OptionsValidationException>(() => service.Queue).Failures);
        Assert.Matches($"^{setting} of queue 'jobs' is '0.*': use ", failure);
    }
}
