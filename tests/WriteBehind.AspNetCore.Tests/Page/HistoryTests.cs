using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Page;

public sealed class HistoryTests
{
    // In the middle of a step, as the looks are.
    private static readonly DateTimeOffset Start = new(2026, 2, 1, 12, 0, 5, TimeSpan.Zero);

    [Fact]
    public async Task Rates_and_backlog_of_each_step_are_kept_for_a_page_that_is_opened_later()
    {
        var time = new FakeTimeProvider(Start);
        await using var site = await SiteAsync(time);
        await LookAsync(site, time, writes: 1100, rows: 60, dirty: 40);
        await LookAsync(site, time, writes: 1600, rows: 60, dirty: 7);

        var history = await HistoryAsync(site);

        Assert.Equal(10, history.GetProperty("stepSeconds").GetInt32());
        Assert.Equal(Start.AddSeconds(20 - 5 - 3590), history.GetProperty("from").GetDateTimeOffset());
        Assert.Equal(Environment.ProcessId, history.GetProperty("process").GetProperty("id").GetInt32());
        Assert.Equal([null, null, 100, 50], Tail(history, "writesPerSecond", 4));
        Assert.Equal([null, null, 3, 0], Tail(history, "rowsPerSecond", 4));
        Assert.Equal([null, 3, 40, 7], Tail(history, "dirty", 4));
        Assert.Equal([null, 1.5, 1.5, 1.5], Tail(history, "oldestDirtyAgeSeconds", 4));
        Assert.Equal(360, history.GetProperty("types")[0].GetProperty("dirty").GetArrayLength());
    }

    [Fact]
    public async Task What_is_older_than_an_hour_goes_and_steps_that_were_missed_are_gaps()
    {
        var time = new FakeTimeProvider(Start);
        await using var site = await SiteAsync(time);
        await LookAsync(site, time, 1100, 60, 40);
        await LookAsync(site, time, 1100, 60, 41, TimeSpan.FromSeconds(60));

        Assert.Equal([3, 40, null, null, null, null, null, 41], Tail(await HistoryAsync(site), "dirty", 8));

        time.Advance(TimeSpan.FromHours(2));
        await Eventually.TrueAsync(async () => Tail(await HistoryAsync(site), "dirty", 360).Count(value => value is not null) == 1);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_begins_anew_and_keeps_noting()
    {
        var time = new SteppingTimeProvider(Start);
        await using var site = await SiteAsync(time);
        await LookAsync(site, time, 1100, 60, 40);

        time.Back(TimeSpan.FromMinutes(30));
        await LookAsync(site, time, 1200, 60, 41);

        var dirty = Tail(await HistoryAsync(site), "dirty", 360);
        Assert.Equal(41, dirty[^1]);
        Assert.Single(dirty, value => value is not null);
    }

    [Fact]
    public async Task While_redis_does_not_answer_the_backlog_is_a_gap_and_the_age_grows()
    {
        var time = new FakeTimeProvider(Start);
        await using var site = await SiteAsync(time);
        site.Engine.Status = site.Engine.Status with { Durability = new(false, [], null) };
        await LookAsync(site, time, 1100, 60, 40);

        var history = await HistoryAsync(site);
        Assert.Equal([3, null], Tail(history, "dirty", 2));
        Assert.Equal([1.5, 1.5], Tail(history, "oldestDirtyAgeSeconds", 2));
        Assert.Equal(100, Tail(history, "writesPerSecond", 1)[0]);

        site.Engine.Failure = new BufferUnavailableException("Redis is away.", false);
        await LookAsync(site, time, 1200, 60, 40);
        site.Engine.Failure = null;
        Assert.Null(Tail(await HistoryAsync(site), "writesPerSecond", 1)[0]);
    }

    [Fact]
    public async Task The_time_that_99_of_100_acknowledgements_keep_to_is_of_this_host_alone()
    {
        var time = new FakeTimeProvider(Start);
        await using var site = await SiteAsync(time);
        await using var other = await SiteAsync(time);
        var own = AckDuration(site);
        var foreign = AckDuration(other);
        var type = new KeyValuePair<string, object?>(WriteBehindDiagnostics.TypeTag, "stock");
        for (var i = 0; i < 200; i++)
        {
            own.Record(i < 3 ? 0.5 : 0.001, type);
            foreign.Record(20, type);
        }

        own.Record(90, new KeyValuePair<string, object?>(WriteBehindDiagnostics.TypeTag, "unknown"));
        await LookAsync(site, time, 1100, 60, 40);
        await LookAsync(site, time, 1100, 60, 40);

        var p99 = Tail(await HistoryAsync(site), "ackP99Seconds", 2);
        Assert.InRange(p99[0]!.Value, 0.5, 0.55);
        Assert.Null(p99[1]);
    }

    private static Histogram<double> AckDuration(TestSite site)
        => site.Services.GetRequiredService<IMeterFactory>().Create(WriteBehindDiagnostics.MeterName)
            .CreateHistogram<double>(WriteBehindDiagnostics.AckDuration);

    /// <summary>A site that has looked once.</summary>
    private static async Task<TestSite> SiteAsync(TimeProvider time)
    {
        var engine = new FakeEngine();
        engine.Status = engine.Status with { Types = [FakeEngine.Stock with { Counters = Counters(100, 30) }] };
        var site = await TestSite.StartAsync(services: services => services.AddSingleton(time), engine: engine);
        await Eventually.TrueAsync(() => site.Engine.StatusCalls > 0);
        return site;
    }

    private static async Task LookAsync(
        TestSite site, FakeTimeProvider time, long writes, long rows, long dirty, TimeSpan? after = null)
    {
        site.Engine.Status = site.Engine.Status with
        {
            Types = [FakeEngine.Stock with { Counters = Counters(writes, rows), Dirty = dirty }],
        };
        var calls = site.Engine.StatusCalls;
        time.Advance(after ?? TimeSpan.FromSeconds(10));
        await Eventually.TrueAsync(() => site.Engine.StatusCalls > calls);
    }

    private static TypeCounters Counters(long writes, long rows) => new(writes, 0, 0, 0, rows, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private static async Task<JsonElement> HistoryAsync(TestSite site)
        => await TestSite.JsonAsync(await site.GetAsync("/writebehind/history"));

    private static double?[] Tail(JsonElement history, string figure, int steps) =>
    [
        .. history.GetProperty("types")[0].GetProperty(figure).EnumerateArray().TakeLast(steps)
            .Select(value => value.ValueKind == JsonValueKind.Null ? (double?)null : value.GetDouble()),
    ];

    private sealed class SteppingTimeProvider(DateTimeOffset start) : FakeTimeProvider(start)
    {
        private TimeSpan _back;

        public void Back(TimeSpan time) => _back += time;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - _back;
    }
}
