using System.Net;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;

namespace WriteBehind.AspNetCore.Tests.Web;

public sealed class AccessTests
{
    private const string Remote = "203.0.113.7";

    private static readonly string[] Everything =
    [
        "/writebehind", "/writebehind/status", "/writebehind/dead-letters/stock", "/writebehind/dead-letters/stock/show?id=a",
        "/writebehind/dead-letters/stock/causes", "/writebehind/entities/stock/show?id=a", "/writebehind/entities/stock/oldest",
        "/writebehind/history",
    ];

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:5000")]
    [InlineData("127.0.0.1:5000")]
    [InlineData("127.9.9.9")]
    [InlineData("[::1]:5000")]
    [InlineData("shop.localhost")]
    public async Task A_caller_on_this_machine_is_let_in_under_a_loopback_name(string host)
    {
        await using var site = await TestSite.StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/writebehind/status", ("Host", host))).StatusCode);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("notlocalhost")]
    [InlineData("192.168.1.5")]
    public async Task A_foreign_name_that_leads_to_this_machine_lets_nobody_in(string host)
    {
        await using var site = await TestSite.StartAsync();
        var problem = await TestSite.AssertProblemAsync(
            HttpStatusCode.Forbidden, await site.GetAsync("/writebehind/status", ("Host", host)));
        Assert.Contains("loopback name", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    public async Task Loopback_addresses_are_known_in_every_spelling(string address)
    {
        await using var site = await TestSite.StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/writebehind/status", (TestSite.RemoteHeader, address))).StatusCode);
    }

    [Fact]
    public async Task An_anonymous_remote_caller_gets_nothing()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        foreach (var path in Everything)
        {
            await TestSite.AssertProblemAsync(HttpStatusCode.Forbidden, await site.GetAsync(path, (TestSite.RemoteHeader, Remote)));
        }

        string[] changes =
        [
            "dead-letters/stock/retry?id=a", "dead-letters/stock/retry-all", "dead-letters/stock/discard?id=a",
            "dead-letters/stock/discard-all?text=a", "entities/stock/flush?id=a", "entities/stock/verify", "entities/stock/reconcile",
            "flush", "flush/stock/pause", "flush/stock/resume",
        ];
        foreach (var path in changes)
        {
            await TestSite.AssertProblemAsync(HttpStatusCode.Forbidden, await site.SendAsync(
                HttpMethod.Post, $"/writebehind/{path}", (TestSite.RemoteHeader, Remote), ("X-WriteBehind", "1")));
        }

        Assert.Equal(["a"], site.Engine.Letters.Ids);
        Assert.Equal((null, null, 0), (site.Engine.Mend, site.Engine.Pause, site.Engine.Flushed.Count));
        Assert.InRange(site.Engine.StatusCalls, 0, 1); // The host's own look, for the history.
        Assert.Null(site.Engine.FlushTimeout);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "127.0.0.1")]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("Forwarded", "for=127.0.0.1")]
    [InlineData("X-Real-IP", "127.0.0.1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("X-Forwarded-Proto", "https")]
    public async Task A_forwarded_request_is_not_taken_for_a_local_one(string header, string value)
    {
        await using var site = await TestSite.StartAsync();
        await TestSite.AssertProblemAsync(HttpStatusCode.Forbidden, await site.GetAsync("/writebehind/status", (header, value)));
    }

    [Fact]
    public async Task A_proxy_that_the_host_believes_does_not_make_its_callers_local()
    {
        await using var site = await TestSite.StartAsync(app: app => app.UseForwardedHeaders(new()
        {
            ForwardedHeaders = ForwardedHeaders.All,
        }));

        // The middleware has put 127.0.0.1 in the place of the address by the time the guard looks.
        await TestSite.AssertProblemAsync(
            HttpStatusCode.Forbidden, await site.GetAsync("/writebehind/status", ("X-Forwarded-For", "127.0.0.1")));
    }

    [Fact]
    public async Task An_authenticated_remote_caller_is_let_in()
    {
        await using var site = await TestSite.StartAsync(services: HeaderAuthentication.Add);
        var answer = await site.GetAsync(
            "/writebehind/status", (TestSite.RemoteHeader, Remote), (HeaderAuthentication.UserHeader, "paul"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task An_anonymous_remote_caller_is_challenged_where_the_host_has_authentication()
    {
        await using var site = await TestSite.StartAsync(services: HeaderAuthentication.Add);
        var answer = await site.GetAsync("/writebehind/status", (TestSite.RemoteHeader, Remote));
        await TestSite.AssertProblemAsync(HttpStatusCode.Unauthorized, answer);
        Assert.Equal("Header", answer.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public async Task A_browser_is_sent_to_the_login_page_where_the_host_has_one()
    {
        await using var site = await TestSite.StartAsync(services: services =>
        {
            services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie();
            services.AddAuthorization();
        });
        var answer = await site.GetAsync("/writebehind", (TestSite.RemoteHeader, Remote));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal("/Account/Login", answer.Headers.Location?.AbsolutePath);
    }

    [Theory]
    [InlineData("olga", HttpStatusCode.OK)]
    [InlineData("paul", HttpStatusCode.Forbidden)]
    public async Task A_named_policy_decides_about_remote_callers(string user, HttpStatusCode expected)
    {
        await using var site = await TestSite.StartAsync(options => options.Policy = "ops", HeaderAuthentication.Add);
        var answer = await site.GetAsync(
            "/writebehind/status", (TestSite.RemoteHeader, Remote), (HeaderAuthentication.UserHeader, user));
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_policy_of_the_host_that_admits_everybody_does_not_open_the_endpoints()
    {
        await using var site = await TestSite.StartAsync(services: services =>
        {
            HeaderAuthentication.Add(services);
            services.AddAuthorizationBuilder().SetDefaultPolicy(new(
                [new Microsoft.AspNetCore.Authorization.Infrastructure.AssertionRequirement(_ => true)], []));
        });
        await TestSite.AssertProblemAsync(
            HttpStatusCode.Unauthorized, await site.GetAsync("/writebehind/status", (TestSite.RemoteHeader, Remote)));
    }

    [Fact]
    public async Task A_policy_that_does_not_exist_closes_the_endpoints_and_names_the_setting()
    {
        await using var site = await TestSite.StartAsync(options => options.Policy = "opps", HeaderAuthentication.Add);
        var problem = await TestSite.AssertProblemAsync(
            HttpStatusCode.InternalServerError,
            await site.GetAsync("/writebehind/status", (TestSite.RemoteHeader, Remote), (HeaderAuthentication.UserHeader, "olga")));
        Assert.Contains("WriteBehindEndpointOptions.Policy", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("'opps'", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loopback_can_be_closed_as_well()
    {
        await using var site = await TestSite.StartAsync(options => options.AllowLoopback = false, HeaderAuthentication.Add);
        await TestSite.AssertProblemAsync(HttpStatusCode.Unauthorized, await site.GetAsync("/writebehind/status"));
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/writebehind/status", (HeaderAuthentication.UserHeader, "paul"))).StatusCode);
    }

    [Fact]
    public async Task The_endpoints_can_be_opened_to_everybody()
    {
        await using var site = await TestSite.StartAsync(options => options.AllowAnonymous = true);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/writebehind/status", (TestSite.RemoteHeader, Remote))).StatusCode);
    }
}
