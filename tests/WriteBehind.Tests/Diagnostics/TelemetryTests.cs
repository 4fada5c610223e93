using System.Collections.Concurrent;
using System.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Diagnostics;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Writes_loads_and_what_became_of_them_are_counted_per_type()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => (item.Shards, item.MaxDirty) = (1, 3) });
        using var meter = new MeterReader(engine);

        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.UpdateAsync("a", static item => item! with { Quantity = 2 });
        await Assert.ThrowsAsync<WriteConflictException>(() => engine.Items.SetAsync("a", new Item(3), expectedVersion: 7));
        await engine.Items.SetAsync("b", new Item(1));
        await engine.Items.SetAsync("c", new Item(1));
        await Assert.ThrowsAsync<BufferFullException>(() => engine.Items.SetAsync("d", new Item(1)));

        Assert.Equal((4, 4), (meter.Sum(WriteBehindDiagnostics.Writes), meter.Sum(WriteBehindDiagnostics.BufferWrites)));
        Assert.Equal((1, 1), (meter.Sum(WriteBehindDiagnostics.Conflicts), meter.Sum(WriteBehindDiagnostics.Refused)));
        Assert.Equal(4, meter.Count(WriteBehindDiagnostics.AckDuration));
        Assert.InRange(meter.Sum(WriteBehindDiagnostics.AckDuration), 1e-6, 60);
        Assert.True(meter.Sum(WriteBehindDiagnostics.Loads, "redis") > 0);
        Assert.True(meter.Sum(WriteBehindDiagnostics.Loads, "database") > 0);
    }

    [Fact]
    public async Task What_is_written_and_saved_shows_in_the_rates_of_the_status()
    {
        await using var engine = await TestEngine.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => engine.Engine.FlushAsync("item", $"e{i}", TimeSpan.FromMinutes(1))));
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Rates is { WritesPerSecond: > 0, RowsPerSecond: > 0 });
    }

    [Fact]
    public async Task Flushes_are_counted_by_their_outcome_and_measured_by_the_batch()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        using var meter = new MeterReader(engine);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        await engine.FlushAllAsync();

        Assert.Equal(
            (10, 10), (meter.Sum(WriteBehindDiagnostics.Flushed, "applied"), meter.Sum(WriteBehindDiagnostics.Flushed, "settled")));
        Assert.Equal(10, meter.Sum(WriteBehindDiagnostics.BatchSize));
        Assert.Equal(meter.Count(WriteBehindDiagnostics.BatchSize), meter.Count(WriteBehindDiagnostics.SaveDuration));
        Assert.InRange(meter.Sum(WriteBehindDiagnostics.SaveDuration), 1e-6, 60);

        await engine.Items.SetAsync("bad", new Item(-1));
        await Assert.ThrowsAsync<EntityRejectedException>(() => engine.FlushAsync("bad"));
        Assert.Equal(
            (1, 1), (meter.Sum(WriteBehindDiagnostics.Flushed, "rejected"), meter.Sum(WriteBehindDiagnostics.Flushed, "dead_letter")));

        engine.Sink.BeforeSave = _ => throw SinkProbe.Outage();
        await engine.Items.SetAsync("late", new Item(1));
        var flush = engine.FlushAllAsync();
        await Eventually.TrueAsync(() => meter.Sum(WriteBehindDiagnostics.Retries) > 0);
        engine.Sink.BeforeSave = null;
        await flush;
    }

    [Fact]
    public async Task Gauges_show_the_backlog_its_age_the_breaker_and_an_emptied_redis()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(
            new() { Redis = redis.Configuration, Sweep = true, Item = static item => item.MaxAttempts = 1 });
        using var meter = new MeterReader(engine);
        Assert.Equal((0, 0), (meter.Gauge(WriteBehindDiagnostics.Breaker), meter.Gauge(WriteBehindDiagnostics.Emptied, type: null)));

        await engine.Items.SetAsync("bad", new Item(-1));
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.DeadLetters) == 1);

        engine.Sink.BeforeSave = _ => throw SinkProbe.Outage();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(1));
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.Breaker) > 0);
        await Eventually.TrueAsync(
            () => meter.Gauge(WriteBehindDiagnostics.Dirty) == 2 && meter.Gauge(WriteBehindDiagnostics.OldestDirtyAge) > 0);

        await redis.WipeAsync();
        await Eventually.TrueAsync(() => meter.Gauge(WriteBehindDiagnostics.Emptied, type: null) == 1);
    }

    [Fact]
    public async Task A_write_is_an_activity_of_its_callers_trace_and_the_flush_that_saves_it_is_linked_to_it()
    {
        await using var engine = await TestEngine.StartAsync();
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == WriteBehindDiagnostics.ActivitySourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var own = new Activity("test").Start();
        var id = Guid.NewGuid().ToString("n");

        await engine.Items.SetAsync(id, new Item(1));
        await engine.Items.UpdateAsync(id, static item => new Item(item!.Quantity + 1));
        Activity[] writes =
        [
            .. activities.Where(activity => activity.OperationName == "writebehind.write" && activity.TraceId == own.TraceId),
        ];
        await engine.FlushAsync(id);

        Assert.Equal(2, writes.Length);
        Assert.All(writes, write => Assert.Equal(
            ("item", id), (write.GetTagItem(WriteBehindDiagnostics.TypeTag), write.GetTagItem(WriteBehindDiagnostics.IdTag))));
        await Eventually.TrueAsync(() => activities.Any(activity => activity.OperationName == "writebehind.flush"
            && activity.Links.Any(link => link.Context.SpanId == writes[1].SpanId)));
    }

    [Fact]
    public async Task A_flush_is_an_activity_that_names_its_type_and_size_and_its_failure()
    {
        await using var engine = await TestEngine.StartAsync();
        var activities = new ConcurrentQueue<Activity>();
        using var own = new Activity("test").Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == WriteBehindDiagnostics.ActivitySourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);

        // The flush may run in another flow of the process, so its activity is known by its size, which no other test's has.
        const int Size = 173;
        await Task.WhenAll(Enumerable.Range(0, Size).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        await engine.FlushAllAsync();
        await Eventually.TrueAsync(() => activities.Any(IsOurs));

        var flush = activities.First(IsOurs);
        Assert.Equal(
            ("writebehind.flush", "item", ActivityStatusCode.Unset),
            (flush.OperationName, flush.GetTagItem(WriteBehindDiagnostics.TypeTag), flush.Status));

        activities.Clear();
        engine.Sink.BeforeSave = _ => throw SinkProbe.Outage();
        await Task.WhenAll(Enumerable.Range(0, Size).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        var failing = engine.FlushAllAsync();
        await Eventually.TrueAsync(() => activities.Any(IsOurs));
        Assert.Equal(ActivityStatusCode.Error, activities.First(IsOurs).Status);
        engine.Sink.BeforeSave = null;
        await failing;

        static bool IsOurs(Activity activity) => activity.GetTagItem("writebehind.batch") is Size;
    }
}
