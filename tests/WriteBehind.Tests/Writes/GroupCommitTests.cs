using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Writes;

/// <summary>Writes that arrive while one is under way share the next, and nobody pays for a neighbour's mistake.</summary>
public sealed class GroupCommitTests
{
    private const int Callers = 100;

    [Fact]
    public async Task Updates_of_one_entity_that_arrive_while_a_write_is_under_way_share_one_buffer_write()
    {
        await using var engine = await TestEngine.StartAsync();
        using var first = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var head = IncrementAsync(engine.Items);
        await first.ReachedAsync();
        Task<Entity<Item>?>[] rest = [.. Enumerable.Range(0, Callers).Select(_ => IncrementAsync(engine.Items))];
        Assert.DoesNotContain(rest, task => task.IsCompleted);
        first.Release();

        Assert.Equal(new Entity<Item>("a", 1, new Item(1)), await head);
        var results = await Task.WhenAll(rest);
        Assert.Equal(Enumerable.Range(2, Callers).Select(i => new Entity<Item>("a", i, new Item(i))), results);
        Assert.Equal(new Entity<Item>("a", Callers + 1, new Item(Callers + 1)), await engine.Items.GetAsync("a"));
        var counters = (await engine.StatusAsync()).Counters;
        Assert.Equal((2, Callers + 1), (counters.BufferWrites, counters.WritesAcknowledged));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_version_of_a_change_that_shared_its_write_names_that_change_and_not_what_came_after_it(bool flushed)
    {
        await using var engine = await TestEngine.StartAsync();
        Task<Entity<Item>?> earlier, later;
        using (var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite))
        {
            var head = engine.Items.SetAsync("a", new Item(0));
            await held.ReachedAsync();
            earlier = engine.Items.UpdateAsync("a", state => new Item(state!.Quantity + 1));
            later = engine.Items.UpdateAsync("a", state => new Item(state!.Quantity + 10));
            held.Release();
            await head;
        }

        Assert.Equal(new Entity<Item>("a", 2, new Item(1)), await earlier);
        Assert.Equal(new Entity<Item>("a", 3, new Item(11)), await later);
        if (flushed)
        {
            await engine.FlushAsync("a");
            Assert.Equal(new ItemRow("a", 3, 11, null), await engine.Table.RowAsync("a"));
        }

        var conflict = await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("a", new Item(-1), expectedVersion: 2));
        Assert.Equal((2, 3), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(4, await engine.Items.SetAsync("a", new Item(12), expectedVersion: 3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_put_and_its_delete_in_one_write_leave_a_tombstone_so_that_nobody_else_gets_the_version_of_the_put(bool isUpdate)
    {
        await using var engine = await TestEngine.StartAsync();
        var buffer = await BufferView.OfAsync(engine);
        TaskCompletionSource<bool> looking = new(), goOn = new();
        engine.Sink.BeforeLoad = _ =>
        {
            looking.TrySetResult(true);
            return goOn.Task;
        };
        var nothing = engine.Items.DeleteAsync("a");
        await looking.Task.WaitAsync(Eventually.DefaultDeadline);
        var put = isUpdate ? PutByUpdateAsync(engine.Items) : engine.Items.SetAsync("a", new Item(1));
        var delete = engine.Items.DeleteAsync("a");
        var again = engine.Items.DeleteAsync("a");
        goOn.SetResult(true);

        Assert.Equal(1, await put);
        await Task.WhenAll(nothing, delete, again);
        Assert.Null(await engine.Items.GetAsync("a"));
        Assert.Equal(2, await buffer.VersionAsync("a"));
        Assert.Equal(3, await engine.Items.SetAsync("a", new Item(3)));
        await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("a", new Item(-1), expectedVersion: 1));
        await engine.FlushAsync("a");
        Assert.Equal(new ItemRow("a", 3, 3, null), await engine.Table.RowAsync("a"));

        static async Task<long> PutByUpdateAsync(IEntityStore<Item> items) => (await items.UpdateAsync("a", _ => new Item(1)))!.Version;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task Writes_of_different_entities_that_arrive_while_others_are_under_way_share_script_calls_over_all_shards(int shards)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.Shards = shards });
        using var house = await FullHouse.FillAsync(engine, Enumerable.Range(0, 100).Select(i => $"head{i}"));
        Task<long>[] rest = [.. Enumerable.Range(0, Callers).Select(i => engine.Items.SetAsync($"e{i}", new Item(i), expectedVersion: 0))];

        // Each of them has read what is there, and waits behind the writes that are held.
        await Eventually.TrueAsync(() => engine.Sink.Loads == Callers + house.Count);
        Assert.DoesNotContain(rest, task => task.IsCompleted);
        await house.ReleaseAsync();

        await Task.WhenAll(rest);
        var calls = engine.Gate.CountOf(ProtocolStep.Written);
        Assert.True(calls < Callers / 4, $"{Callers} writes took {calls} calls.");
        var read = await engine.Items.GetManyAsync(Enumerable.Range(0, Callers).Select(i => $"e{i}"));
        Assert.All(Enumerable.Range(0, Callers), i => Assert.Equal(new Entity<Item>($"e{i}", 1, new Item(i)), read[$"e{i}"]));
    }

    [Fact]
    public async Task A_change_function_that_throws_fails_alone()
    {
        await using var engine = await TestEngine.StartAsync();
        var results = await InOneGroupAsync(
            engine.Items, engine.Gate, (i, _) => i == 3 ? throw new InvalidOperationException("mine") : new Item(i));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => results[3]);
        Assert.Equal("mine", error.Message);
        Assert.Equal([0, 1, 2, 4, 5], (await Task.WhenAll(results.Where((_, i) => i != 3))).Select(entity => entity!.State.Quantity));
        Assert.Equal(new Item(5), (await engine.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task A_state_that_can_not_be_serialised_fails_alone_and_the_others_of_its_group_succeed()
    {
        await using var engine = await TestEngine.StartAsync(new() { More = builder => builder.AddEntity<Reading>("reading") });
        var readings = engine.Engine.Store<Reading>();
        var results = await InOneGroupAsync(
            readings,
            engine.Gate,
            (i, before) => new Reading { Count = i, Value = i == 2 ? double.NaN : (before?.Value ?? 0) + 1 });

        // Those behind the bad one were first worked out on top of its state, and are worked out again without it.
        var error = await Assert.ThrowsAsync<PayloadException>(() => results[2]);
        Assert.Equal((PayloadProblem.NotSerializable, "reading", "a"), (error.Problem, error.EntityType, error.EntityId));
        Assert.Equal([0, 1, 3, 4, 5], (await Task.WhenAll(results.Where((_, i) => i != 2))).Select(entity => entity!.State.Count));
        Assert.Equal((5, 6), ((await readings.GetAsync("a"))!.State.Count, (await readings.GetAsync("a"))!.State.Value));
    }

    [Fact]
    public async Task A_state_that_is_too_long_fails_alone()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.MaxPayloadBytes = 200 });
        var results = await InOneGroupAsync(engine.Items, engine.Gate, (i, _) => new Item(i, i == 5 ? new string('x', 200) : null));

        var error = await Assert.ThrowsAsync<PayloadException>(() => results[5]);
        Assert.Equal(PayloadProblem.TooLarge, error.Problem);
        Assert.Contains("MaxPayloadBytes", error.Message, StringComparison.Ordinal);
        await Task.WhenAll(results[..5]);
        Assert.Equal(4, (await engine.Items.GetAsync("a"))!.State.Quantity);
    }

    [Fact]
    public async Task A_conditional_write_in_a_group_is_judged_by_itself()
    {
        await using var engine = await TestEngine.StartAsync();
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var first = engine.Items.SetAsync("a", new Item(1));
        await held.ReachedAsync();
        var right = engine.Items.SetAsync("a", new Item(2), expectedVersion: 1);
        var wrong = engine.Items.SetAsync("a", new Item(-1), expectedVersion: 1);
        var last = engine.Items.UpdateAsync("a", state => new Item(state!.Quantity + 10));
        held.Release();

        Assert.Equal((1, 2), (await first, await right));
        Assert.Equal(2, (await Assert.ThrowsAsync<WriteConflictException>(() => wrong)).CurrentVersion);
        Assert.Equal(new Entity<Item>("a", 3, new Item(12)), await last);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_update_behind_a_refused_put_or_delete_is_given_the_state_and_not_nothing(bool put)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(5));
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var head = engine.Items.SetAsync("a", new Item(6));
        await held.ReachedAsync();
        var refused = put
            ? engine.Items.SetAsync("a", new Item(-1), expectedVersion: 1)
            : engine.Items.DeleteAsync("a", expectedVersion: 1);
        var update = engine.Items.UpdateAsync("a", state => new Item((state?.Quantity ?? 100) + 1));
        held.Release();

        await head;
        await Assert.ThrowsAsync<WriteConflictException>(() => refused);
        Assert.Equal(new Entity<Item>("a", 3, new Item(7)), await update);
    }

    private static Task<Entity<Item>?> IncrementAsync(IEntityStore<Item> items)
        => items.UpdateAsync("a", state => new Item((state?.Quantity ?? 0) + 1));

    /// <summary>Six updates of one entity that share a group: the first write is held until they have queued up behind it.</summary>
    private static async Task<Task<Entity<TState>?>[]> InOneGroupAsync<TState>(
        IEntityStore<TState> store, Gate gate, Func<int, TState?, TState> change)
        where TState : class
    {
        using var held = gate.HoldAt(ProtocolStep.BeforeWrite);
        var head = store.SetAsync("a", change(0, null));
        await held.ReachedAsync();
        Task<Entity<TState>?>[] results = [.. Enumerable.Range(0, 6).Select(i => store.UpdateAsync("a", state => change(i, state)))];
        held.Release();
        await head;
        return results;
    }
}
