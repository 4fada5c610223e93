using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Writes;

/// <summary>States that callers alter in place never leak what was not acknowledged.</summary>
public sealed class MutableStateTests
{
    private static readonly TestEngineOptions Readings = new()
    {
        More = builder => builder.AddEntity<Reading>("reading", reading => (reading.MaxDirty, reading.Shards) = (2, 1)),
    };

    [Fact]
    public async Task A_state_altered_by_its_caller_after_the_call_changes_nothing()
    {
        await using var engine = await TestEngine.StartAsync(Readings);
        var readings = engine.Engine.Store<Reading>();
        var put = new Reading { Count = 1 };
        await readings.SetAsync("a", put);
        put.Count = 666;
        Assert.Equal(1, (await readings.GetAsync("a"))!.State.Count);

        var updated = await readings.UpdateAsync("a", IncrementInPlace);
        updated!.State.Count = 666;
        Assert.Equal(2, (await readings.GetAsync("a"))!.State.Count);

        var read = await readings.GetAsync("a");
        read!.State.Count = 666;
        Assert.Equal(3, (await readings.UpdateAsync("a", IncrementInPlace))!.State.Count);
    }

    [Fact]
    public async Task A_put_that_has_to_wait_stores_the_state_as_it_was_at_the_call()
    {
        await using var engine = await TestEngine.StartAsync(Readings);
        var readings = engine.Engine.Store<Reading>();
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var first = readings.SetAsync("a", new Reading());
        await held.ReachedAsync();
        var state = new Reading { Count = 1 };
        var put = readings.SetAsync("a", state);
        state.Count = 666;
        var update = readings.UpdateAsync("a", IncrementInPlace);
        state.Count = 667;
        held.Release();

        await first;
        Assert.Equal(2, await put);
        Assert.Equal((3, 2), ((await update)!.Version, (await update)!.State.Count));
        Assert.Equal(2, (await readings.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task The_next_group_goes_on_from_what_was_written_not_from_an_object_that_callers_hold()
    {
        await using var engine = await TestEngine.StartAsync(Readings);
        var readings = engine.Engine.Store<Reading>();
        Reading? held = null;
        using var written = engine.Gate.HoldAt(ProtocolStep.Written);
        var first = readings.UpdateAsync("a", _ => held = new Reading { Count = 1 });
        await written.ReachedAsync();
        var second = readings.UpdateAsync("a", IncrementInPlace);
        held!.Count = 666;
        written.Release();

        await first;
        Assert.Equal((2, 2), ((await second)!.Version, (await second)!.State.Count));
    }

    [Fact]
    public async Task A_function_that_alters_the_state_in_place_and_then_throws_leaves_no_trace()
    {
        await using var engine = await TestEngine.StartAsync(Readings);
        var readings = engine.Engine.Store<Reading>();
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);
        var head = readings.SetAsync("a", new Reading { Count = 1 });
        await held.ReachedAsync();
        var before = readings.UpdateAsync("a", IncrementInPlace);
        var broken = readings.UpdateAsync("a", state =>
        {
            state!.Count = 666;
            throw new InvalidOperationException("after the change");
        });
        var after = readings.UpdateAsync("a", IncrementInPlace);
        held.Release();

        await Assert.ThrowsAsync<InvalidOperationException>(() => broken);
        await Task.WhenAll(head, before);
        Assert.Equal(3, (await after)!.State.Count);
        Assert.Equal(3, (await readings.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task A_refused_write_leaves_nothing_of_its_state_behind()
    {
        await using var engine = await TestEngine.StartAsync(Readings);
        await using var other = await TestEngine.StartAsync(engine.Options);
        var readings = engine.Engine.Store<Reading>();
        await readings.SetAsync("full", new Reading { Count = 1 });
        await engine.FlushAllAsync();
        await readings.SetAsync("x", new Reading());
        await readings.SetAsync("y", new Reading());

        await Assert.ThrowsAsync<BufferFullException>(() => readings.UpdateAsync("full", IncrementInPlace));
        Assert.Equal((1, 1), ((await readings.GetAsync("full"))!.Version, (await readings.GetAsync("full"))!.State.Count));

        // Refused by a conflict: the function runs again on the other's state, not on the one it has altered already.
        engine.Gate.RunAt(
            ProtocolStep.BeforeWrite,
            () => other.Engine.Store<Reading>().UpdateAsync("x", state => new Reading { Count = state!.Count + 100 }));
        Assert.Equal(101, (await readings.UpdateAsync("x", IncrementInPlace))!.State.Count);
    }

    private static Reading? IncrementInPlace(Reading? state)
    {
        state!.Count++;
        return state;
    }
}
