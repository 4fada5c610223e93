using System.Diagnostics;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Crash;

/// <summary>A flusher that sleeps through its lease and then goes on, as a process does that was paused, swapped out or debugged.</summary>
public sealed class ZombieFlusherTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_flusher_that_slept_through_its_lease_does_not_bring_back_a_deleted_row()
    {
        await using var zombie = await TestEngine.StartAsync(new() { Item = static item => item.Lease = TimeSpan.FromSeconds(6) });
        await using var other = await TestEngine.StartAsync(zombie.Options);
        await zombie.Items.SetAsync("a", new Item(1));
        using var held = zombie.Gate.HoldAt(ProtocolStep.Claimed);
        var late = zombie.Items.FlushAsync("a", Long);
        await held.ReachedAsync();

        await other.Items.DeleteAsync("a");
        await Assert.ThrowsAsync<FlushIncompleteException>(() => other.Items.FlushAsync("a", Soon));
        await other.Items.FlushAsync("a", Long);
        held.Release();
        await late;

        Assert.Null(await other.Table.RowAsync("a"));
        Assert.Null(await other.Items.GetAsync("a"));
        Assert.Equal(1, (await zombie.StatusAsync()).Counters.Expired);
        Assert.Equal(0, (await zombie.StatusAsync()).Counters.RowsApplied);
    }

    [Fact]
    public async Task The_operator_is_told_how_many_leases_ended_before_the_save()
    {
        var lease = TimeSpan.FromSeconds(2);
        await using var engine = await TestEngine.StartAsync(new() { Item = KillAtEachStepTests.ShortLease });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(2));
        engine.Gate.RunAt(ProtocolStep.Claimed, async () =>
        {
            var claimed = Stopwatch.StartNew();
            await Eventually.TrueAsync(() => Task.FromResult(claimed.Elapsed > lease));
        });

        await engine.FlushAllAsync();

        Assert.True(engine.Log.Has(LogLevel.Warning, "The lease on 2 item ended before they were saved; they stay dirty."));
        Assert.Equal(2, (await engine.Table.RowAsync("b"))!.Quantity);
    }

    [Fact]
    public async Task A_late_settle_does_not_free_the_claim_of_the_next_flusher()
    {
        await using var zombie = await TestEngine.StartAsync(new() { Item = KillAtEachStepTests.ShortLease });
        await using var second = await TestEngine.StartAsync(zombie.Options with { Item = LongLease });
        await using var third = await TestEngine.StartAsync(second.Options);
        await zombie.Items.SetAsync("a", new Item(1));
        using var zombieHeld = zombie.Gate.HoldAt(ProtocolStep.Saved);
        var late = zombie.Items.FlushAsync("a", Long);
        await zombieHeld.ReachedAsync();
        await second.Items.SetAsync("a", new Item(2));
        var (reached, release) = HoldSave(second);
        var flush = second.Items.FlushAsync("a", Long);
        await reached.Task.WaitAsync(Long);

        zombieHeld.Release();
        await late;
        await Assert.ThrowsAsync<FlushIncompleteException>(() => third.Items.FlushAsync("a", Soon));
        release.SetResult();
        await flush;

        Assert.Equal((2, 2), await VersionAndQuantityAsync(third));
        Assert.Equal(0, (await third.StatusAsync()).Dirty);
        Assert.Equal(1, (await zombie.StatusAsync()).Counters.SettleAborts);
    }

    [Fact]
    public async Task A_late_settle_of_the_very_version_that_the_next_flusher_holds_is_harmless()
    {
        await using var zombie = await TestEngine.StartAsync(new() { Item = KillAtEachStepTests.ShortLease });
        await using var second = await TestEngine.StartAsync(zombie.Options with { Item = LongLease });
        await zombie.Items.SetAsync("a", new Item(1));
        using var zombieHeld = zombie.Gate.HoldAt(ProtocolStep.Saved);
        var late = zombie.Items.FlushAsync("a", Long);
        await zombieHeld.ReachedAsync();
        var (reached, release) = HoldSave(second);
        var flush = second.Items.FlushAsync("a", Long);
        await reached.Task.WaitAsync(Long);

        zombieHeld.Release();
        await late;
        await second.Items.SetAsync("a", new Item(2));
        release.SetResult();
        await flush;
        await second.Items.FlushAsync("a", Long);

        Assert.Equal((2, 2), await VersionAndQuantityAsync(second));
        Assert.Equal(1, (await second.StatusAsync()).Counters.NoOps);
        Assert.Equal(0, (await second.StatusAsync()).Dirty);
    }

    /// <summary>For a flusher that must not lose its claim however slow the machine is.</summary>
    private static void LongLease(EntityTypeOptions<Item> item) => item.Lease = TimeSpan.FromMinutes(1);

    /// <summary>Holds an engine's save, which only a batch with claims of its own comes to.</summary>
    private static (TaskCompletionSource Reached, TaskCompletionSource Release) HoldSave(TestEngine engine)
    {
        var (reached, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        engine.Sink.BeforeSave = async _ =>
        {
            reached.TrySetResult();
            await release.Task;
        };
        return (reached, release);
    }

    private static async Task<(long Version, long Quantity)> VersionAndQuantityAsync(TestEngine engine)
    {
        var row = await engine.Table.RowAsync("a");
        return (row!.Version, row.Quantity);
    }
}
