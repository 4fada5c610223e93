using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.Health;

namespace WriteBehind.AspNetCore.Tests.Health;

public sealed class HealthCheckTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    private readonly FakeEngine _engine = new();

    [Fact]
    public async Task All_is_healthy_where_nothing_is_wrong()
    {
        var report = await CheckAsync();
        Assert.Equal(
            [
                WriteBehindHealth.Age, WriteBehindHealth.Durability, WriteBehindHealth.Loops, WriteBehindHealth.Database,
                WriteBehindHealth.Buffer,
            ],
            report.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.All(report.Entries.Values, entry => Assert.Equal(HealthStatus.Healthy, entry.Status));
    }

    [Fact]
    public async Task The_look_that_all_checks_share_runs_in_the_context_of_none()
    {
        var caller = new AsyncLocal<string?>();
        var seen = new List<string?>();
        _engine.OnStatus = () => seen.Add(caller.Value);
        caller.Value = "somebody's";

        await CheckAsync();

        Assert.Equal([null], seen);
    }

    [Fact]
    public async Task Without_redis_nothing_can_be_acknowledged()
    {
        _engine.Status = _engine.Status with { Durability = new(false, [], null) };
        await AssertAsync(WriteBehindHealth.Buffer, HealthStatus.Unhealthy, "Redis");
    }

    [Theory]
    [InlineData(BreakerState.Open)]
    [InlineData(BreakerState.HalfOpen)]
    public async Task Without_postgresql_writes_go_on(BreakerState breaker)
    {
        _engine.Status = _engine.Status with { Types = [FakeEngine.Stock with { Breaker = breaker, LastError = "connection refused" }] };
        await AssertAsync(WriteBehindHealth.Database, HealthStatus.Degraded, "stock: connection refused");
    }

    [Fact]
    public async Task A_paused_flush_is_told_and_is_no_failure_however_long_it_lasts()
    {
        var pause = new FlushPause("stock", Now, Now.AddMinutes(10), "ann@desk");
        _engine.Status = _engine.Status with { Types = [FakeEngine.Stock with { Pause = pause, OldestDirtyAge = TimeSpan.FromHours(1) }] };
        await AssertAsync(
            WriteBehindHealth.Age, HealthStatus.Degraded, $"stock: its flush is paused until {pause.Until:u} by ann@desk; 3 unflushed");
    }

    [Theory]
    [InlineData(10, HealthStatus.Healthy)]
    [InlineData(10.1, HealthStatus.Degraded)]
    [InlineData(30, HealthStatus.Degraded)]
    [InlineData(30.1, HealthStatus.Unhealthy)]
    public async Task An_old_unflushed_write_degrades_health_and_a_very_old_one_ends_it(double age, HealthStatus expected)
    {
        _engine.Status = _engine.Status with { Types = [FakeEngine.Stock with { OldestDirtyAge = TimeSpan.FromSeconds(age) }] };
        await AssertAsync(WriteBehindHealth.Age, expected, expected == HealthStatus.Healthy ? "MaxAge" : "stock: the oldest of 3");
    }

    [Fact]
    public async Task Settings_of_redis_that_may_lose_writes_degrade_health()
    {
        _engine.Status = _engine.Status with { Durability = new(true, ["appendonly is no."], null) };
        await AssertAsync(WriteBehindHealth.Durability, HealthStatus.Degraded, "appendonly is no.");
    }

    [Fact]
    public async Task A_redis_that_came_back_empty_is_an_alarm()
    {
        _engine.Status = _engine.Status with { Durability = new(true, [], Now) };
        await AssertAsync(WriteBehindHealth.Durability, HealthStatus.Unhealthy, "came back empty");
    }

    [Fact]
    public async Task A_loop_that_stands_still_is_an_alarm_and_one_that_fails_is_not()
    {
        _engine.Status = _engine.Status with { Loops = [new("sweep stock", Now.AddSeconds(-30), 3, "Redis is away.")] };
        await AssertAsync(WriteBehindHealth.Loops, HealthStatus.Degraded, "Redis is away.");

        _engine.Status = _engine.Status with { Loops = [new("sweep stock", Now.AddMinutes(-10), 0, null)] };
        await AssertAsync(WriteBehindHealth.Loops, HealthStatus.Unhealthy, "sweep stock");

        _engine.Status = _engine.Status with { Loops = [new("sweep stock", null, 0, null, Now.AddMinutes(-10))] };
        await AssertAsync(WriteBehindHealth.Loops, HealthStatus.Unhealthy, "sweep stock");

        _engine.Status = _engine.Status with
        {
            Loops = [new("sweep stock", Now.AddMinutes(-20), 3, "Redis is away.", Now.AddMinutes(-10))],
        };
        await AssertAsync(WriteBehindHealth.Loops, HealthStatus.Unhealthy, "in a round since");

        _engine.Status = _engine.Status with { Loops = [new("sweep stock", null, 0, null)] };
        await AssertAsync(WriteBehindHealth.Loops, HealthStatus.Healthy, "run");
    }

    [Fact]
    public async Task An_engine_that_fails_to_tell_fails_every_check_with_its_reason()
    {
        _engine.Failure = new BufferUnavailableException("Redis is away.");
        var report = await CheckAsync();
        Assert.All(report.Entries.Values, entry =>
        {
            Assert.Equal(HealthStatus.Unhealthy, entry.Status);
            Assert.Equal("Redis is away.", entry.Description);
        });
    }

    [Fact]
    public async Task Only_what_makes_a_process_useless_takes_it_out_of_service()
    {
        _engine.Status = new(
            [FakeEngine.Stock with { OldestDirtyAge = TimeSpan.FromHours(1), Breaker = BreakerState.Open }],
            new(true, ["appendonly is no."], Now),
            []);
        using var services = Services();
        var report = await services.GetRequiredService<HealthCheckService>()
            .CheckHealthAsync(check => check.Tags.Contains(WriteBehindHealth.ReadyTag));
        Assert.Equal([WriteBehindHealth.Loops, WriteBehindHealth.Buffer], report.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(HealthStatus.Healthy, report.Status);
    }

    [Fact]
    public async Task One_probe_looks_at_the_engine_once()
    {
        await CheckAsync();
        Assert.Equal(1, _engine.StatusCalls);
    }

    [Fact]
    public void A_setting_out_of_its_range_is_named_with_its_value()
    {
        var error = Assert.Throws<ConfigurationException>(
            () => new ServiceCollection().AddHealthChecks().AddWriteBehind(options => options.UnhealthyAgeFactor = 0.5));
        Assert.Equal("WriteBehindHealthOptions.UnhealthyAgeFactor", error.Setting);
        Assert.Contains("0.5", error.Message, StringComparison.Ordinal);
    }

    private async Task AssertAsync(string check, HealthStatus expected, string text)
    {
        var entry = (await CheckAsync()).Entries[check];
        Assert.Equal(expected, entry.Status);
        Assert.Contains(text, entry.Description, StringComparison.Ordinal);
    }

    private async Task<HealthReport> CheckAsync()
    {
        using var services = Services();
        return await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
    }

    private ServiceProvider Services()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IWriteBehindEngine>(_engine);
        services.AddHealthChecks().AddWriteBehind();
        return services.BuildServiceProvider();
    }
}
