using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Writes;

/// <summary>What a process wrote last spares the look before its next write of the same entity.</summary>
public sealed class RecentWritesTests
{
    [Fact]
    public async Task A_change_of_what_this_process_wrote_last_is_one_call_to_Redis()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await AddAsync(engine, "a");

        Assert.Equal(20, await CallsAsync(redis, async () =>
        {
            for (var i = 0; i < 10; i++)
            {
                await AddAsync(engine, "a");
                await engine.Items.SetAsync("a", new Item(i));
            }
        }));
        Assert.Equal(new Item(9), (await engine.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task No_more_is_remembered_than_the_setting_says_and_nothing_at_0()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var two = await StartAsync(item => item.RecentWrites = 2);
        await using var none = await StartAsync(item => item.RecentWrites = 0);
        await using var small = await StartAsync(item => item.RecentWriteBytes = 40);
        foreach (var id in new[] { "a", "b", "c" })
        {
            await AddAsync(two, id);
            await AddAsync(none, id);
            await AddAsync(small, id);
        }

        Assert.Equal(1, await CallsAsync(redis, () => AddAsync(two, "c")));
        Assert.Equal(1, await CallsAsync(redis, () => AddAsync(two, "b")));
        Assert.Equal(2, await CallsAsync(redis, () => AddAsync(two, "a")));
        Assert.Equal(2, await CallsAsync(redis, () => AddAsync(none, "c")));
        Assert.Equal(2, await CallsAsync(redis, () => AddAsync(small, "c")));

        Task<TestEngine> StartAsync(Action<EntityTypeOptions<Item>> configure)
            => TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = configure });
    }

    [Fact]
    public async Task What_another_process_wrote_since_is_seen_and_is_no_conflict()
    {
        await using var one = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(one.Options);
        await AddAsync(one, "a");
        await AddAsync(other, "a");

        var third = await AddAsync(one, "a");

        Assert.Equal((3, 3), (third!.State.Quantity, third.Version));
        Assert.Equal(0, (await one.StatusAsync()).Counters.Conflicts);
    }

    [Fact]
    public async Task A_row_that_another_program_raised_after_the_flush_is_seen()
    {
        await using var engine = await TestEngine.StartAsync();
        await AddAsync(engine, "a");

        // Flushed by another process, so that this one does not know.
        await using (var other = await TestEngine.StartAsync(engine.Options))
        {
            await other.FlushAllAsync();
        }

        await engine.Table.ExecuteAsync("""UPDATE items SET quantity = 100, "Version" = 50""");
        var next = await AddAsync(engine, "a");
        await engine.FlushAllAsync();

        Assert.Equal((101, 51), (next!.State.Quantity, next.Version));
        Assert.Equal((101, 51), ((await engine.Table.RowAsync("a"))!.Quantity, (await engine.Table.RowAsync("a"))!.Version));
        Assert.Equal(0, (await engine.StatusAsync()).DeadLetters);
    }

    [Fact]
    public async Task What_another_process_deleted_is_not_brought_back()
    {
        await using var one = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(one.Options);
        await AddAsync(one, "a");
        await other.Items.DeleteAsync("a");

        var seen = new Item(-1);
        await one.Items.UpdateAsync("a", state => seen = state);

        Assert.Null(seen);
        Assert.Null(await one.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_function_that_changed_the_state_before_it_threw_leaves_nothing_behind()
    {
        await using var engine = await TestEngine.StartAsync();
        await AddAsync(engine, "a");

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => engine.Items.UpdateAsync("a", _ => throw new InvalidOperationException()));

        Assert.Equal(2, (await AddAsync(engine, "a"))!.State.Quantity);
    }

    private static Task<Entity<Item>?> AddAsync(TestEngine engine, string id)
        => engine.Items.UpdateAsync(id, state => new Item((state?.Quantity ?? 0) + 1));

    /// <summary>How many scripts Redis is sent meanwhile that say something of an item.</summary>
    private static async Task<int> CallsAsync(RedisServer redis, Func<Task> work)
    {
        using var monitor = await redis.MonitorAsync();
        await work();
        return (await monitor.StopAsync()).Count(command => command.Name is "EVALSHA" or "EVAL" && !command.FromScript
            && command.Arguments.Any(argument => argument.Contains(":e:", StringComparison.Ordinal)));
    }
}
