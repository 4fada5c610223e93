using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Health;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class TransientErrorTests
{
    // redisson/redisson#5224: admin_shutdown, too_many_connections, disk_full, query_canceled, out_of_memory.
    [Theory]
    [InlineData("57P01")]
    [InlineData("53300")]
    [InlineData("53100")]
    [InlineData("57014")]
    [InlineData("53200")]
    public async Task One_transient_error_is_retried_after_a_pause_and_nothing_is_lost(string sqlState)
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Engine = static engine
                => (engine.BackoffStart, engine.BackoffCap) = (TimeSpan.FromMilliseconds(400), TimeSpan.FromMilliseconds(400)),
            Item = static item => item.MaxAttempts = 1,
        });
        var batches = new ConcurrentQueue<long>();
        engine.Sink.BeforeSave = _ =>
        {
            batches.Enqueue(TimeProvider.System.GetTimestamp());
            return Task.CompletedTask;
        };
        await SqlFailure.ArmAsync(engine.Table, sqlState, times: 1);
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);

        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        var status = await engine.StatusAsync();
        Assert.Equal((1, 0), (status.Counters.TransientFailures, status.DeadLetters));
        var times = batches.ToArray();
        Assert.Equal(2, times.Length);
        Assert.True(
            TimeProvider.System.GetElapsedTime(times[0], times[1]) >= TimeSpan.FromMilliseconds(200), "at least half of the pause is kept");
    }

    [Fact]
    public void Pauses_double_up_to_the_cap_and_are_spread_over_half_of_themselves()
    {
        var (start, cap) = (TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(60));
        var random = new Random(1);
        foreach (var (failures, full) in new[] { (1, 0.5), (2, 1), (3, 2), (7, 32), (8, 60), (1_000_000, 60) })
        {
            var pauses = Enumerable.Range(0, 1_000).Select(_ => Pauses.Backoff(failures, start, cap, random).TotalSeconds).ToList();
            Assert.All(pauses, pause => Assert.InRange(pause, full / 2, full));
            Assert.InRange(pauses.Min(), full / 2, full * 0.55);
            Assert.InRange(pauses.Max(), full * 0.95, full);
        }
    }

    // redisson/redisson#3485
    [Fact]
    public async Task An_unexpected_exception_in_the_sweep_does_not_end_it()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true });
        engine.Gate.FailAt(ProtocolStep.BeforeClaim, new InvalidCastException("on purpose"), times: 2);
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(() => engine.Log.Has(LogLevel.Error, "A round of 'sweep item' failed"), because: "the failure is seen");
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0, because: "the sweep goes on");

        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        await Eventually.TrueAsync(async () => (await SweepAsync(engine)) is { ConsecutiveFailures: 0, LastError: null });
    }

    [Fact]
    public async Task A_sweep_that_keeps_failing_turns_health_bad()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            More = static builder => builder.Services.AddHealthChecks().AddWriteBehind(),
        });
        var health = engine.Services.GetRequiredService<HealthCheckService>();
        await Eventually.TrueAsync(async () => await LoopsAsync(health) is { Status: HealthStatus.Healthy });
        engine.Gate.FailAt(ProtocolStep.BeforeClaim, new InvalidCastException("on purpose"), times: int.MaxValue);
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(async () => await LoopsAsync(health) is { Status: HealthStatus.Degraded });

        Assert.Contains("sweep item", (await LoopsAsync(health)).Description, StringComparison.Ordinal);
        Assert.Contains("on purpose", (await LoopsAsync(health)).Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exception_of_no_known_kind_from_the_sink_is_tried_again()
    {
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true });
        var failures = 0;
        engine.Sink.BeforeSave = _
            => Interlocked.Increment(ref failures) <= 2 ? throw new InvalidCastException("on purpose") : Task.CompletedTask;
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);

        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        Assert.Equal((2, 0), ((await engine.StatusAsync()).Counters.Rejected, (await engine.StatusAsync()).DeadLetters));
    }

    private static async Task<LoopStatus> SweepAsync(TestEngine engine)
        => (await engine.Engine.GetStatusAsync()).Loops.Single(static loop => loop.Name == "sweep item");

    private static async Task<HealthReportEntry> LoopsAsync(HealthCheckService health)
        => (await health.CheckHealthAsync()).Entries[WriteBehindHealth.Loops];
}
