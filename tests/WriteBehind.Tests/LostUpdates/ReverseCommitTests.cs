using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

// hazelcast/hazelcast#20820, redisson/redisson#5250: an older state was stored after a newer one.
public sealed class ReverseCommitTests
{
    [Fact]
    public async Task Of_two_flushers_that_hold_versions_1_and_2_and_commit_in_reverse_version_2_wins()
    {
        await using var slow = await TestEngine.StartAsync();
        await using var quick = await TestEngine.StartAsync(slow.Options);
        var buffer = await BufferView.OfAsync(slow);
        await slow.Items.SetAsync("a", new Item(1));

        using var claimed = slow.Gate.HoldAt(ProtocolStep.Claimed);
        var late = slow.FlushAsync("a");
        await claimed.ReachedAsync();
        await quick.Items.SetAsync("a", new Item(2));

        // The claim would keep the second flusher out. Here it is gone before its time, so that only the version guard is left.
        await buffer.EndClaimAsync("a");
        await quick.FlushAsync("a");
        claimed.Release();
        await late;

        Assert.Equal([("a", 1L, false)], slow.Sink.Sent);
        Assert.Equal(new ItemRow("a", 2, 2, null), await slow.Table.RowAsync("a"));
        Assert.Equal(1, (await slow.StatusAsync()).Counters.Fenced);
        Assert.Equal((0, 0), ((await slow.StatusAsync()).Dirty, (await slow.StatusAsync()).DeadLetters));
        Assert.Equal(2, (await slow.Items.GetAsync("a"))!.Version);
    }

    [Fact]
    public async Task A_late_put_does_not_bring_back_what_a_later_flusher_deleted()
    {
        await using var slow = await TestEngine.StartAsync(new() { Item = item => item.Lease = TimeSpan.FromSeconds(2) });
        await using var quick = await TestEngine.StartAsync(slow.Options);
        await slow.Items.SetAsync("a", new Item(1));

        using var claimed = slow.Gate.HoldAt(ProtocolStep.Claimed);
        var late = slow.FlushAsync("a");
        await claimed.ReachedAsync();
        await quick.Items.DeleteAsync("a");
        await quick.FlushAsync("a");
        Assert.Null(await slow.Table.RowAsync("a"));
        claimed.Release();
        await late;

        Assert.Null(await slow.Table.RowAsync("a"));
        Assert.Null(await slow.Items.GetAsync("a"));
        Assert.Equal(1, (await slow.StatusAsync()).Counters.Expired);
    }

    [Fact]
    public async Task Repeated_flushes_are_counted_no_ops()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("put", new Item(1));
        await engine.Items.SetAsync("delete", new Item(1));
        await engine.FlushAsync("delete");
        await engine.Items.DeleteAsync("delete");

        engine.Gate.FailAt(ProtocolStep.BeforeSettle, new InvalidOperationException("The flusher died here (test)."), times: 2);
        await Assert.ThrowsAsync<InvalidOperationException>(() => engine.FlushAsync("put"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => engine.FlushAsync("delete"));
        Assert.Equal((3, 0), await SavesAsync(engine));
        Assert.Equal(2, (await engine.StatusAsync()).Dirty);

        await engine.FlushAllAsync();
        Assert.Equal((3, 2), await SavesAsync(engine));
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
        Assert.Equal(1, (await engine.Table.RowsAsync()).Single().Value.Version);
    }

    [Fact]
    public async Task The_sink_answers_each_version_by_what_is_stored()
    {
        await using var engine = await TestEngine.StartAsync();
        var sink = engine.Services.GetRequiredService<IEntitySinkFactory>().Create((EntityTypeOptions<Item>)engine.OptionsOf("item"));

        Assert.Equal(SaveOutcome.Applied, await SaveAsync(sink, 2, new Item(2)));
        Assert.Equal(SaveOutcome.Fenced, await SaveAsync(sink, 1, new Item(1)));
        Assert.Equal(SaveOutcome.AlreadyThere, await SaveAsync(sink, 2, new Item(2)));
        Assert.Equal(SaveOutcome.Fenced, await SaveAsync(sink, 1, null));
        Assert.Equal(new ItemRow("a", 2, 2, null), await engine.Table.RowAsync("a"));
        Assert.Equal(SaveOutcome.Applied, await SaveAsync(sink, 3, null));
        Assert.Equal(SaveOutcome.AlreadyThere, await SaveAsync(sink, 3, null));
        Assert.Null(await engine.Table.RowAsync("a"));
    }

    private static async Task<SaveOutcome> SaveAsync(IEntitySink<Item> sink, long version, Item? state)
    {
        var clock = await sink.ReadClockAsync(CancellationToken.None);
        var time = TimeSpan.FromMinutes(1);
        return (await sink.SaveAsync([new("a", version, state)], clock.At + time, time, CancellationToken.None))[0].Outcome;
    }

    private static async Task<(long Applied, long NoOps)> SavesAsync(TestEngine engine)
    {
        var counters = (await engine.StatusAsync()).Counters;
        return (counters.RowsApplied, counters.NoOps);
    }
}
