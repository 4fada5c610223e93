using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.Health;

namespace WriteBehind.AspNetCore.Tests.Health;

public sealed class HealthEndpointTests
{
    [Fact]
    public async Task Live_answers_whatever_the_engine_says()
    {
        await using var site = await StartAsync();
        site.Engine.Failure = new BufferUnavailableException("Redis is away.");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/health/live")).StatusCode);
        }

        Assert.InRange(site.Engine.StatusCalls, 0, 1); // The host's own look, for the history.
    }

    [Fact]
    public async Task Ready_says_no_without_redis()
    {
        await using var site = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/health/ready")).StatusCode);

        await using var without = await StartAsync();
        without.Engine.Status = without.Engine.Status with { Durability = new(false, [], null) };
        var answer = await without.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("Unhealthy", (await TestSite.JsonAsync(answer)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_very_old_write_alarms_but_leaves_the_process_in_service()
    {
        await using var site = await StartAsync();
        site.Engine.Status = site.Engine.Status with { Types = [FakeEngine.Stock with { OldestDirtyAge = TimeSpan.FromHours(1) }] };
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/health/ready")).StatusCode);
        var answer = await site.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var age = (await TestSite.JsonAsync(answer)).GetProperty("checks").GetProperty(WriteBehindHealth.Age);
        Assert.Contains("stock", age.GetProperty("description").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_remote_caller_sees_how_it_is_but_not_why()
    {
        await using var site = await StartAsync();
        var answer = await site.GetAsync("/health", (TestSite.RemoteHeader, "203.0.113.7"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var checks = (await TestSite.JsonAsync(answer)).GetProperty("checks");
        Assert.Equal(5, checks.EnumerateObject().Count());
        Assert.All(checks.EnumerateObject(), check =>
        {
            Assert.Equal("Healthy", check.Value.GetProperty("status").GetString());
            Assert.Equal(JsonValueKind.Null, check.Value.GetProperty("description").ValueKind);
        });
    }

    // What the project of defaults in Aspire's templates maps: /health with every check, as plain text, and /alive.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Endpoints_stand_beside_Aspires_defaults_whichever_are_mapped_first(bool areDefaultsFirst)
    {
        await using var site = await TestSite.StartAsync(
            services: services => services.AddHealthChecks().AddWriteBehind().AddCheck("self", () => HealthCheckResult.Healthy(), ["live"]),
            app: app =>
            {
                foreach (var areDefaults in new[] { areDefaultsFirst, !areDefaultsFirst })
                {
                    if (areDefaults)
                    {
                        app.MapHealthChecks("/health");
                        app.MapHealthChecks("/alive", new HealthCheckOptions { Predicate = check => check.Tags.Contains("live") });
                    }
                    else
                    {
                        app.MapWriteBehindHealth();
                    }
                }
            });

        Assert.Equal("Healthy", await (await site.GetAsync("/health")).Content.ReadAsStringAsync());
        Assert.Equal("Healthy", await (await site.GetAsync("/alive")).Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/health/live")).StatusCode);
        var ready = (await TestSite.JsonAsync(await site.GetAsync("/health/ready"))).GetProperty("checks");
        Assert.Contains(ready.EnumerateObject(), check => check.Name == WriteBehindHealth.Buffer);
    }

    private static Task<TestSite> StartAsync() => TestSite.StartAsync(
        services: services => services.AddHealthChecks().AddWriteBehind(),
        app: app => app.MapWriteBehindHealth());
}
