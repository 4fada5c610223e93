using System.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

/// <summary>The timers that owners of entities have, all of them in one wheel.</summary>
public sealed class FlushTimerTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);
    private static readonly TestEngineOptions Owners = new() { Item = item => item.FlushDelay = Delay };

    [Fact]
    public async Task Entities_that_are_due_at_about_the_same_time_go_in_one_batch_and_none_goes_much_before_its_delay()
    {
        await using var engine = await TestEngine.StartAsync(Owners);
        var first = 0L;
        engine.Sink.BeforeSave = _ =>
        {
            Interlocked.CompareExchange(ref first, Stopwatch.GetTimestamp(), 0);
            return Task.CompletedTask;
        };
        var started = Stopwatch.GetTimestamp();

        var timers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => ArmedAsync(engine, $"i{i}")));
        await Eventually.TrueAsync(() => !Array.Exists(timers, timer => timer.IsArmed));

        Assert.Equal(100, (await engine.Table.RowsAsync()).Count);
        Assert.InRange(engine.Sink.Batches, 1, 4);
        Assert.True(Stopwatch.GetElapsedTime(started, first) >= 0.75 * Delay);
    }

    [Fact]
    public async Task A_timer_that_was_dropped_flushes_nothing_and_can_be_armed_again()
    {
        await using var engine = await TestEngine.StartAsync(Owners);
        var dropped = await ArmedAsync(engine, "dropped");
        dropped.Drop();
        var kept = await ArmedAsync(engine, "kept");
        await Eventually.TrueAsync(() => !kept.IsArmed);
        Assert.Equal(["kept"], engine.Sink.Sent.Select(sent => sent.Id));

        dropped.Arm();
        await Eventually.TrueAsync(() => !dropped.IsArmed);
        Assert.Equal(["kept", "dropped"], engine.Sink.Sent.Select(sent => sent.Id));
    }

    [Fact]
    public async Task Two_owners_of_one_entity_share_its_flush()
    {
        await using var engine = await TestEngine.StartAsync(Owners);
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        var (one, other) = (session.OpenFlushTimer(), session.OpenFlushTimer());
        one.Arm();
        other.Arm();

        await Eventually.TrueAsync(() => !one.IsArmed && !other.IsArmed);

        Assert.Single(engine.Sink.Sent);
        Assert.False(session.IsDirty);
    }

    [Fact]
    public async Task A_database_that_is_away_is_tried_again_until_it_is_back()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.FlushDelay = TimeSpan.FromMilliseconds(20) });
        var tries = 0;
        engine.Sink.BeforeSave = _ => Interlocked.Increment(ref tries) < 3
            ? throw new SinkException(SinkFailure.Transient, "The database is away (test).", "57P03")
            : Task.CompletedTask;

        var timer = await ArmedAsync(engine, "a");
        await Eventually.TrueAsync(() => !timer.IsArmed);

        Assert.Equal(3, tries);
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    private static async Task<IFlushTimer> ArmedAsync(TestEngine engine, string id)
    {
        var session = engine.Items.OpenSession(id);
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        var timer = session.OpenFlushTimer();
        timer.Arm();
        Assert.True(timer.IsArmed);
        return timer;
    }
}
