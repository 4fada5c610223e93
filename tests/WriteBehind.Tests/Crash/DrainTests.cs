using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

public sealed class DrainTests
{
    private const int Entities = 1_000;
    private const int BatchSize = 50;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(4);

    // A drain that kept on until all is flushed would come to 20 batches of an eighth of the deadline, or never end.
    private static readonly TimeSpan InTime = Deadline * 2.2;

    // hazelcast/hazelcast#12874
    [Fact]
    public async Task A_drain_flushes_until_its_deadline_and_reports_the_rest_by_count()
    {
        await using var engine = await StartDirtyAsync(Deadline);
        engine.Gate.DelayAt(ProtocolStep.Claimed, Deadline / 8, times: int.MaxValue);

        var started = Stopwatch.GetTimestamp();
        var report = await engine.Engine.FlushAllAsync(Deadline);

        Assert.InRange(Stopwatch.GetElapsedTime(started), Deadline / 2, InTime);
        Assert.False(report.IsClean);
        Assert.InRange(report.Flushed, BatchSize, Entities - BatchSize);
        var rows = (await engine.Table.RowsAsync()).Count;
        Assert.InRange(rows + report.Remaining["item"], Entities, Entities + BatchSize);

        started = Stopwatch.GetTimestamp();
        await engine.StopAsync();
        Assert.InRange(Stopwatch.GetElapsedTime(started), Deadline / 2, InTime);
        Assert.True(engine.Log.Has(LogLevel.Warning, "item remain, safe in Redis"));
    }

    [Fact]
    public async Task A_drain_returns_in_time_though_a_batch_hangs_at_the_database()
    {
        await using var engine = await StartDirtyAsync(Deadline);
        var hanging = new TaskCompletionSource();
        engine.Sink.BeforeSave = _ => hanging.Task;

        var started = Stopwatch.GetTimestamp();
        var report = await engine.Engine.FlushAllAsync(Deadline);
        await engine.StopAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(started), Deadline, Deadline + InTime);
        Assert.Equal(Entities, report.Remaining["item"]);
        hanging.SetResult();
    }

    [Fact]
    public async Task A_stop_with_a_drain_time_of_zero_leaves_everything_to_the_next_process()
    {
        var engine = await StartDirtyAsync(drain: TimeSpan.Zero);
        await engine.StopAsync();
        Assert.Empty(await engine.Table.RowsAsync());

        await using var next = await TestEngine.StartAsync(engine.Options);
        Assert.Equal(Entities, (await next.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).Flushed);
        Assert.Equal(Entities, (await engine.Table.RowsAsync()).Count);
        await engine.DisposeAsync();
    }

    [Fact]
    public async Task A_drain_that_has_no_time_to_begin_reports_everything_as_remaining()
    {
        await using var engine = await StartDirtyAsync(drain: TimeSpan.FromMinutes(1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => engine.Services.GetRequiredService<IEngineControl>().StopAsync(new CancellationToken(canceled: true)));

        Assert.Empty(await engine.Table.RowsAsync());
        Assert.False(engine.Log.Has(LogLevel.Information, "nothing remains"));
        Assert.True(engine.Log.Has(LogLevel.Warning, $"{Entities} item remain"));
    }

    // A clean stop, and a row that something else made newer since.
    [Fact]
    public async Task A_clean_restart_never_replays_flushed_entities_over_newer_rows()
    {
        await using var first = await StartDirtyAsync(drain: TimeSpan.FromMinutes(1));
        await first.StopAsync();
        Assert.True(first.Log.Has(LogLevel.Information, "nothing remains"));
        await first.Table.PutAsync(new ItemRow("7", Version: 5, Quantity: 700, Note: null));

        await using var second = await TestEngine.StartAsync(first.Options with { Sweep = true });
        Assert.True((await second.Engine.FlushAllAsync()).IsClean);
        await second.Items.SetAsync("new", new Item(1));
        await second.Items.FlushAsync("new", TimeSpan.FromMinutes(1));

        Assert.Equal(["new"], second.Sink.Sent.Select(static sent => sent.Id));
        Assert.Equal(700, (await second.Table.RowAsync("7"))!.Quantity);
        Assert.Equal(700, (await second.Items.GetAsync("7"))!.State.Quantity);
    }

    private static async Task<TestEngine> StartDirtyAsync(TimeSpan drain)
    {
        var engine = await TestEngine.StartAsync(new()
        {
            Engine = settings => (settings.DrainTimeout, settings.MaxConcurrentFlushes) = (drain, 1),
            Item = static item => item.BatchSize = BatchSize,
        });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(
            i => engine.Items.SetAsync(i.ToString(CultureInfo.InvariantCulture), new Item(i))));
        return engine;
    }
}
