using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Tests.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operating;

/// <summary>An operator pauses the flush of a type, for a migration: all processes keep to it, and writes go on.</summary>
public sealed class PauseTests
{
    private const string Operator = "ann@desk";

    // Much shorter than any time-out of a flush, and more than a machine stands still.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task A_pause_holds_in_every_process_and_writes_go_on()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Items.SetAsync("before", new Item(1));

        var pause = await first.Engine.PauseAsync("item", by: Operator);
        await second.Items.SetAsync("after", new Item(2));

        Assert.Equal(("item", Operator, 0), (pause.Type, pause.By, pause.UnderWay));
        Assert.Equal(FlushPause.DefaultDuration, pause.Until - pause.Since);
        Assert.Equal(0, await SweepAsync(first));
        Assert.Equal(0, await SweepAsync(second));
        var report = await second.FlushAllAsync();
        Assert.Equal((0, 2, false), (report.Flushed, report.Remaining["item"], report.IsClean));
        Assert.Equal(Operator, Assert.Single(report.Paused).By);
        Assert.Empty(await first.Table.RowsAsync());

        Assert.True(await second.Engine.ResumeAsync("item"));
        Assert.False(await first.Engine.ResumeAsync("item"));
        Assert.True((await first.FlushAllAsync()).IsClean);
        Assert.Equal(2, (await first.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_process_that_is_about_to_claim_when_the_pause_begins_does_not_save()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Items.SetAsync("a", new Item(1));
        using var held = second.Gate.HoldAt(ProtocolStep.BeforeClaim);
        var flush = second.FlushAsync("a");
        await held.ReachedAsync();

        await first.Engine.PauseAsync("item", by: Operator);
        held.Release();

        Assert.Equal(Operator, (await Assert.ThrowsAsync<FlushPausedException>(() => flush)).Pause.By);
        Assert.Empty(second.Sink.Sent);
    }

    [Fact]
    public async Task A_pause_returns_when_the_flushes_of_before_have_ended()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Items.SetAsync("a", new Item(1));
        using var held = second.Gate.HoldAt(ProtocolStep.Claimed);
        var flush = second.FlushAsync("a");
        await held.ReachedAsync();

        var pausing = first.Engine.PauseAsync("item");
        await Eventually.TrueAsync(async () => (await first.StatusAsync()).Pause is not null);
        Assert.False(pausing.IsCompleted);
        held.Release();

        Assert.Equal(0, (await pausing).UnderWay);
        await flush;
        Assert.Equal(1, (await first.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_flush_on_demand_and_a_write_through_say_at_once_who_has_paused_until_when()
    {
        // One shard, as the end is that of the entity's shard, and the others may be a millisecond off.
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.Shards = 1 });
        var pause = await engine.Engine.PauseAsync("item", TimeSpan.FromMinutes(30), Operator);
        await engine.Items.SetAsync("a", new Item(1));
        var started = Stopwatch.GetTimestamp();

        var error = await Assert.ThrowsAsync<FlushPausedException>(() => engine.FlushAsync("a"));
        var through = await Assert.ThrowsAsync<WriteThroughException>(
            () => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(2)));

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, AtOnce);
        Assert.Equal((Operator, pause.Until, "item", "a"), (error.Pause.By, error.Pause.Until, error.EntityType, error.EntityId));
        Assert.Contains($"{Operator} has paused the flush of item until {pause.Until:u}", error.Message, StringComparison.Ordinal);
        Assert.IsType<FlushPausedException>(through.InnerException);

        // The write of a write-through is accepted.
        Assert.Equal(2, (await engine.Items.GetAsync("a"))!.State.Quantity);
        Assert.Equal(1, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task It_is_said_also_where_the_database_is_away()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Engine.PauseAsync("item", by: Operator);
        var down = new SinkException(SinkFailure.Transient, "The database is down for the migration.");
        engine.Gate.FailAt(ProtocolStep.BeforeClaim, down, times: int.MaxValue);

        Assert.Equal(Operator, (await Assert.ThrowsAsync<FlushPausedException>(() => engine.FlushAsync("a"))).Pause.By);
        Assert.Equal(Operator, (await Assert.ThrowsAsync<FlushPausedException>(() => engine.FlushAsync("a"))).Pause.By);
    }

    [Fact]
    public async Task A_clean_entity_needs_no_flush_and_a_pause_does_not_concern_it()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Engine.PauseAsync("item");

        await engine.FlushAsync("a");

        var report = await engine.FlushAllAsync();
        Assert.True(report.IsClean);
        Assert.Empty(report.Paused);
    }

    [Fact]
    public async Task It_ends_by_itself()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true });
        await engine.Engine.PauseAsync("item", TimeSpan.FromMilliseconds(500));
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(async () => await engine.Table.RowAsync("a") is not null);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Pause is null);
        await Eventually.TrueAsync(() => engine.Log.Has(LogLevel.Information, "The pause of the flush of item is over."));
    }

    [Fact]
    public async Task A_second_pause_takes_the_place_of_the_first()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.Engine.PauseAsync("item", TimeSpan.FromMinutes(1), "ann");

        var second = await engine.Engine.PauseAsync("item", TimeSpan.FromMinutes(20), "bob");

        Assert.True(second.Until > first.Until.AddMinutes(10));
        Assert.Equal("bob", (await engine.StatusAsync()).Pause!.By);
    }

    [Fact]
    public async Task It_is_seen_in_status_metrics_and_logs_of_every_process_also_where_nothing_is_dirty()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        using var meter = new MeterReader(second);
        Assert.Equal(0, meter.Gauge(WriteBehindDiagnostics.Paused));

        var pause = await first.Engine.PauseAsync("item", by: Operator);

        Assert.Equal(pause.Until, (await second.StatusAsync()).Pause!.Until);
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.Paused) == 1);
        Assert.True(second.Log.Has(LogLevel.Warning, $"The flush of item is paused until {pause.Until:u}, as {Operator} asked for"));

        await first.Engine.ResumeAsync("item");
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.Paused) == 0);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_its_end_and_says_why_something_remains()
    {
        var engine = await TestEngine.StartAsync(new() { Engine = static settings => settings.DrainTimeout = TimeSpan.FromMinutes(5) });
        await using var disposal = engine;
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Engine.PauseAsync("item", by: Operator);

        var started = Stopwatch.GetTimestamp();
        await engine.StopAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.True(engine.Log.Has(LogLevel.Warning, "Not drained, as the flush is paused (item until "));
        Assert.True(engine.Log.Has(LogLevel.Warning, $"by {Operator}): 0 entities flushed, 1 item remain, safe in Redis."));
    }

    [Fact]
    public async Task Writes_are_bounded_during_a_pause_as_ever()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => (item.MaxDirty, item.Shards) = (2, 1) });
        await engine.Engine.PauseAsync("item");
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(1));

        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("c", new Item(1)));
        await engine.Items.SetAsync("a", new Item(2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3601)]
    public async Task A_pause_has_a_bound(int seconds)
    {
        await using var engine = await TestEngine.StartAsync();

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            "duration", () => engine.Engine.PauseAsync("item", TimeSpan.FromSeconds(seconds)));
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => engine.Engine.PauseAsync("items"));
        Assert.Null((await engine.StatusAsync()).Pause);
    }

    [Fact]
    public async Task What_others_put_in_its_place_pauses_too_and_can_be_ended()
    {
        await using var engine = await TestEngine.StartAsync();
        var redis = await SharedServers.RedisAsync();
        var view = await BufferView.OfAsync(engine);
        await engine.Items.SetAsync("a", new Item(1));
        await redis.SendAsync("SET", (string)view.Keys[view.Keys.ShardOf("a")].Pause!, "by hand");

        Assert.Equal("somebody", (await Assert.ThrowsAsync<FlushPausedException>(() => engine.FlushAsync("a"))).Pause.By);
        Assert.True(await engine.Engine.ResumeAsync("item"));
        await engine.FlushAsync("a");
    }

    private static Task<long> SweepAsync(TestEngine engine)
        => engine.Services.GetRequiredService<IEngineControl>().SweepAsync(SweepPart.All, TimeSpan.Zero);
}
