using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Web;

public sealed class RateLimitMiddlewareTests
{
    [Fact]
    public async Task The_middleware_takes_a_limit_for_an_endpoint_and_asks_redis_once_for_each_request()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var site = await StartAsync(
            redis.Configuration,
            static (limiter, limits) => limiter.AddPolicy("api", http => limits(http).Partition("api", CallerOf(http))));

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => site.GetAsync("/limited", ("Caller", "ann"))));

        // Exactly as many as there are permits: a request that was counted twice would leave room for fewer.
        Assert.Equal(4, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.Equal(8, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/limited", ("Caller", "bob"))).StatusCode);
    }

    [Fact]
    public async Task The_middleware_takes_a_limit_for_everything()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var site = await StartAsync(redis.Configuration, static (limiter, limits) =>
        {
            limiter.AddPolicy("api", http => RateLimitPartition.GetNoLimiter(""));
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
                http => limits(http).Partition("api", CallerOf(http)));
        });

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => site.GetAsync("/limited", ("Caller", "ann"))));

        Assert.Equal(4, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
    }

    [Fact]
    public async Task An_in_memory_limit_for_everything_beside_it_counts_each_request_twice_as_the_page_warns()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var site = await StartAsync(redis.Configuration, static (limiter, limits) =>
        {
            limiter.AddPolicy("api", http => limits(http).Partition("api", CallerOf(http)));
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
                static _
                    => RateLimitPartition.GetFixedWindowLimiter(
                        "", static _ => new() { PermitLimit = 4, Window = TimeSpan.FromMinutes(10) }));
        });

        var answered = 0;
        for (var i = 0; i < 4; i++)
        {
            answered += (await site.GetAsync("/limited", ("Caller", "ann"))).StatusCode == HttpStatusCode.OK ? 1 : 0;
        }

        Assert.Equal(2, answered);
    }

    [Fact]
    public async Task The_error_of_a_limit_is_a_429_that_says_when_to_come_back()
    {
        await using var site = await TestSite.StartAsync(
            services: services => services.AddWriteBehindProblemDetails(),
            app: app =>
            {
                app.UseExceptionHandler();
                app.MapGet("/fails", IResult () => throw new RateLimitedException("api", "ann", TimeSpan.FromSeconds(1.2)));
            });

        var answer = await site.GetAsync("/fails");

        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.TooManyRequests, answer);
        Assert.Equal(2, problem.GetProperty("retryAfterSeconds").GetInt32());
        Assert.Equal(TimeSpan.FromSeconds(2), answer.Headers.RetryAfter?.Delta);
    }

    private static string CallerOf(HttpContext http) => http.Request.Headers["Caller"].ToString();

    private static Task<TestSite> StartAsync(
        string redis, Action<RateLimiterOptions, Func<HttpContext, IRateLimits>> configure) => TestSite.StartAsync(
        services: services =>
        {
            services.AddWriteBehindEngine().UseRedis(redis).AddRateLimit("api", limit
                => (limit.Permits, limit.Window, limit.Timeout) = (4, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(30)));
            services.AddRateLimiter(limiter =>
            {
                limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
                configure(limiter, static http => http.RequestServices.GetRequiredService<IRateLimits>());
            });
        },
        app: app =>
        {
            app.UseRateLimiter();
            app.MapGet("/limited", static () => "fine").RequireRateLimiting("api");
        });
}
