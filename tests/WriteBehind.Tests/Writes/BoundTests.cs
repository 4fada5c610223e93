using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.Writing;

namespace WriteBehind.Tests.Writes;

/// <summary>The bound of unflushed entities: beyond it a clear refusal, never a queue without end.</summary>
public sealed class BoundTests
{
    private static readonly TestEngineOptions RoomForThree = new()
    {
        Item = item => (item.MaxDirty, item.Shards, item.MaxAttempts) = (3, 1, 1),
    };

    [Fact]
    public async Task Beyond_MaxDirty_a_further_entity_is_refused_by_an_error_that_names_the_setting()
    {
        await using var engine = await FullAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);

        foreach (var items in new[] { engine.Items, other.Items })
        {
            var error = await Assert.ThrowsAsync<BufferFullException>(() => items.SetAsync("d", new Item(4)));
            Assert.Equal(("item", "d", 3), (error.EntityType, error.EntityId, error.MaxDirty));
            Assert.Contains("MaxDirty (3", error.Message, StringComparison.Ordinal);
        }

        Assert.Null(await engine.Items.GetAsync("d"));
        Assert.Equal(1, (await engine.StatusAsync()).Counters.Refused);
        Assert.Equal(3, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task Rewriting_and_deleting_dirty_entities_is_always_accepted()
    {
        await using var engine = await FullAsync();

        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(10)));
        Assert.Equal(2, (await engine.Items.UpdateAsync("b", state => new Item(state!.Quantity + 10)))!.Version);
        await engine.Items.DeleteAsync("c");
        await engine.Items.SetAsync("c", new Item(13));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("d", new Item(4)));
    }

    [Fact]
    public async Task After_a_flush_there_is_room_again()
    {
        await using var engine = await FullAsync();
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("d", new Item(4)));

        await engine.FlushAsync("a");
        Assert.Equal(1, await engine.Items.SetAsync("d", new Item(4)));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.DeleteAsync("a"));
        await engine.FlushAllAsync();
        await engine.Items.DeleteAsync("a");
    }

    [Fact]
    public async Task Where_one_write_of_a_shared_call_is_refused_the_others_go_through()
    {
        await using var engine = await TestEngine.StartAsync(RoomForThree);
        var writes = Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                return await engine.Items.SetAsync($"e{i}", new Item(i));
            }
            catch (BufferFullException)
            {
                return 0;
            }
        });

        Assert.Equal(3, (await Task.WhenAll(writes)).Count(version => version == 1));
        Assert.Equal((3, 5), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).Counters.Refused));
    }

    [Fact]
    public async Task Dead_letters_take_up_room_until_they_are_revived_or_discarded()
    {
        await using var engine = await TestEngine.StartAsync(RoomForThree);
        foreach (var id in new[] { "a", "b", "c" })
        {
            await engine.Items.SetAsync(id, new Item(1, Item.TooLongNote));
        }

        await engine.FlushAllAsync();
        Assert.Equal((0, 3), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).DeadLetters));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("d", new Item(4)));

        // A new write revives a dead one: it was counted already.
        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(2)));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("d", new Item(4)));
        Assert.True(await engine.Engine.DeadLetters.DiscardAsync("item", "b"));
        await engine.Items.SetAsync("d", new Item(4));
        Assert.Equal((2, 1), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).DeadLetters));
    }

    [Fact]
    public async Task The_bound_is_spread_over_the_shards()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.MaxDirty, item.Shards) = (40, 4) });
        var accepted = 0;
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            try
            {
                await engine.Items.SetAsync($"e{i}", new Item(i));
                Interlocked.Increment(ref accepted);
            }
            catch (BufferFullException)
            {
                // Its shard has its ten.
            }
        }));

        Assert.Equal(40, accepted);
        Assert.Equal(40, (await engine.StatusAsync()).Dirty);
    }

    [Theory]
    [InlineData(100, 16)]
    [InlineData(17, 16)]
    [InlineData(1, 16)]
    [InlineData(5, 7)]
    [InlineData(16, 16)]
    public async Task The_sum_over_all_shards_never_exceeds_MaxDirty_and_reaches_it(int maxDirty, int shards)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.MaxDirty, item.Shards) = (maxDirty, shards) });

        Task<Exception>[] writes =
            [.. Enumerable.Range(0, 800).Select(i => Record.ExceptionAsync(() => engine.Items.SetAsync($"e{i}", new Item(i))))];
        var refused = (await Task.WhenAll(writes)).OfType<BufferFullException>().Count();

        Assert.Equal(maxDirty, writes.Length - refused);
        Assert.Equal(maxDirty, (await engine.StatusAsync()).Dirty);
    }

    [Theory]
    [InlineData(1, long.MaxValue)]
    [InlineData(3, long.MaxValue)]
    [InlineData(16, long.MaxValue)]
    [InlineData(16, 1)]
    public async Task The_largest_bound_refuses_nothing_and_the_smallest_lets_one_in(int shards, long maxDirty)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.MaxDirty, item.Shards) = (maxDirty, shards) });

        Assert.Equal(1, await engine.Items.SetAsync("a", new Item(1)));
        Assert.Equal(2, await engine.Items.SetAsync("a", new Item(2)));
        Assert.Equal((1, maxDirty), ((await engine.StatusAsync()).Dirty, (await engine.StatusAsync()).MaxDirty));
    }

    [Fact]
    public async Task Changes_of_one_entity_beyond_what_may_wait_for_it_are_refused_at_once_and_the_others_are_made()
    {
        await using var engine = await TestEngine.StartAsync();
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var underWay = IncrementAsync();
        await held.ReachedAsync();
        Task<Entity<Item>?>[] waiting = [.. Enumerable.Range(0, EntityLane<Item>.MaxWaiting).Select(_ => IncrementAsync())];

        var refused = IncrementAsync();
        Assert.True(refused.IsFaulted);
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => refused);
        Assert.Equal(("item", "a", false), (error.EntityType, error.EntityId, error.OutcomeUnknown));
        Assert.DoesNotContain(waiting, static change => change.IsCompleted);

        held.Release();
        await underWay;
        await Task.WhenAll(waiting);
        Assert.Equal(new Entity<Item>("a", waiting.Length + 2, new Item(waiting.Length + 2)), await IncrementAsync());

        Task<Entity<Item>?> IncrementAsync() => engine.Items.UpdateAsync("a", static state => new Item((state?.Quantity ?? 0) + 1));
    }

    private static async Task<TestEngine> FullAsync()
    {
        var engine = await TestEngine.StartAsync(RoomForThree);
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(2));
        await engine.Items.SetAsync("c", new Item(3));
        return engine;
    }
}
