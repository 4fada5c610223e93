using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class CircuitBreakerTests
{
    private const int Entities = 1_000;

    [Fact]
    public async Task An_absent_database_is_probed_with_one_batch_at_a_time_and_few_of_them_until_it_is_back()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Engine = static engine
                => (engine.BackoffStart, engine.BackoffCap) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(400)),
            Item = static item => item.BatchSize = 50,
        });
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(
            i => engine.Items.SetAsync(i.ToString(CultureInfo.InvariantCulture), new Item(i))));
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Breaker != BreakerState.Closed);

        var (probes, concurrent, mostConcurrent) = (0, 0, 0);
        engine.Sink.BeforeSave = async _ =>
        {
            Interlocked.Increment(ref probes);
            mostConcurrent = Math.Max(mostConcurrent, Interlocked.Increment(ref concurrent));
            await Task.Yield();
            Interlocked.Decrement(ref concurrent);
            throw SinkProbe.Outage();
        };
        var (clocks, started) = (engine.Sink.ClockReads, Stopwatch.GetTimestamp());
        await Eventually.TrueAsync(() => Volatile.Read(ref probes) >= 6);

        // Pauses of 0.2 to 0.4 s, once it has failed a few times; without a breaker it would be twenty batches every 25 ms.
        var most = 4 + (int)(Stopwatch.GetElapsedTime(started) / TimeSpan.FromSeconds(0.2));
        Assert.InRange(Volatile.Read(ref probes), 6, most);
        Assert.InRange(engine.Sink.ClockReads - clocks, 2, most + 2);
        Assert.Equal(1, mostConcurrent);
        var status = await engine.StatusAsync();
        Assert.Equal(Entities, status.Dirty);
        Assert.Contains("away", status.LastError, StringComparison.Ordinal);
        Assert.True(engine.Log.Has(LogLevel.Warning, "The database can't take item now"));

        engine.Sink.BeforeSave = null;
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);
        Assert.Null((await engine.StatusAsync()).LastError);
        Assert.True(engine.Log.Has(LogLevel.Information, "The database takes item again"));
        Assert.Equal(Entities, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_probe_that_fails_before_it_has_begun_lets_the_next_one_in()
    {
        await using var engine = await TestEngine.StartAsync();
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        await engine.Items.SetAsync("a", new Item(1));
        await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.Zero));
        engine.Sink.BeforeSave = null;

        var here = new AsyncLocal<bool>();
        using (var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == WriteBehindDiagnostics.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _)
                => here.Value ? throw new InvalidOperationException("a bad listener") : ActivitySamplingResult.None,
        })
        {
            ActivitySource.AddActivityListener(listener);
            here.Value = true;
            await Eventually.TrueAsync(
                async () => await Record.ExceptionAsync(() => engine.FlushAllAsync()) is InvalidOperationException,
                because: "the probe meets the listener");
            here.Value = false;
        }

        await engine.FlushAsync("a");
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);
    }

    [Fact]
    public async Task A_flush_on_demand_says_that_the_database_is_away_and_keeps_the_cause()
    {
        await using var engine = await TestEngine.StartAsync();
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        await engine.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.Zero));

        Assert.Contains("the database is not available", error.Message, StringComparison.Ordinal);
        Assert.IsType<SinkException>(error.InnerException);
        Assert.Equal("a", error.EntityId);
    }

    // serialization_failure and deadlock_detected, as PostgreSQL itself answers them.
    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    public async Task Contention_is_retried_at_once_and_is_no_outage(string sqlState)
    {
        await using var engine = await TestEngine.StartAsync();
        await SqlFailure.ArmAsync(engine.Table, sqlState, times: 2);
        await engine.Items.SetAsync("a", new Item(1));

        await engine.Items.FlushAsync("a", TimeSpan.Zero);

        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        Assert.Equal(3, engine.Sink.Batches);
        var status = await engine.StatusAsync();
        Assert.Equal(0, status.Counters.TransientFailures);
        Assert.Equal(BreakerState.Closed, status.Breaker);
    }

    [Fact]
    public async Task Contention_that_does_not_end_counts_neither_as_an_outage_nor_against_the_entity()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await SqlFailure.ArmAsync(engine.Table, "40001", times: 5);
        await engine.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.Zero));
        Assert.Equal(SinkFailure.Contention, Assert.IsType<SinkException>(error.InnerException).Failure);
        Assert.Equal(4, engine.Sink.Batches);
        Assert.Equal(BreakerState.Closed, (await engine.StatusAsync()).Breaker);

        await engine.Items.FlushAsync("a", TimeSpan.FromMinutes(1));
        Assert.Equal(0, (await engine.StatusAsync()).DeadLetters);
    }
}
