using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Page;

/// <summary>The live page where things are as they should not be, or only seldom are.</summary>
[Collection(nameof(Browser))]
public sealed class PageTroubleTests(Browser browser)
{
    private static readonly string[] OddIds =
    [
        new('x', 1024), "<img src=x onerror=\"document.title='taken over'\">", "</script><script>document.title='taken over'</script>",
        "שלום עולם 123", "\u202Eevil\u202C", "two\nlines\tand\0more", "a/../b?c=d#e&f=g+h%20", "🦊 ключ", "'", "\"", " ",
    ];

    [Theory]
    [InlineData(1280)]
    [InlineData(375)]
    public async Task Ids_of_any_kind_are_shown_as_text_and_can_be_dealt_with(int width)
    {
        await using var site = await PageSites.BusyAsync();
        foreach (var id in OddIds)
        {
            site.Engine.Letters.Add(id, error: $"<b>{id}</b> is too long");
        }

        PageSites.Count(site);
        await using var tab = await browser.OpenAsync(site, width);
        await tab.WaitForAsync($"document.querySelectorAll('.letters tbody tr').length === {OddIds.Length}");
        Assert.Equal(
            OddIds.Order(StringComparer.Ordinal),
            await tab.EvaluateAsync<string[]>("[...document.querySelectorAll('.letters bdi.id')].map(i => i.textContent)"));
        await PageSites.AssertSoundAsync(tab, $"odd ids {width}", width);

        for (var left = OddIds.Length; left > 0; left--)
        {
            var id = await tab.EvaluateAsync<string>("document.querySelector('.letters bdi.id').textContent");
            await tab.ClickAsync("document.querySelector('.letters .act button')");
            await tab.WaitForAsync($"document.querySelector('#entity h3 .id')?.textContent === {JsonSerializer.Serialize(id)}");
            await tab.ClickAsync("document.querySelectorAll('.letters .act button')[2]");
            await tab.ClickButtonAsync("Discard", "dialog[open]");
            await Eventually.TrueAsync(() => !site.Engine.Letters.Ids.Contains(id));
            PageSites.Count(site);
            await tab.WaitForAsync($"document.querySelectorAll('.letters tbody tr').length === {left - 1} || {left} === 1");
        }

        Assert.Equal("WriteBehind", await tab.EvaluateAsync<string>("document.title"));
        Assert.Empty(tab.Errors);
    }

    [Theory]
    [InlineData(1280)]
    [InlineData(375)]
    public async Task The_largest_numbers_fit(int width)
    {
        await using var site = await PageSites.BusyAsync();
        const long Huge = 9_007_199_254_740_991;
        site.Engine.Status = site.Engine.Status with
        {
            Types =
            [
                site.Engine.Status.Types[0] with
                {
                    Dirty = Huge,
                    MaxDirty = Huge,
                    OldestDirtyAge = TimeSpan.FromDays(9_999),
                    DeadLetters = 1_000_000_000,
                    Counters = new(Huge, Huge, Huge, Huge, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                    Rates = new(1e9, 1e9),
                    LastError = new string('e', 2_000),
                },
                FakeEngine.Stock with { Type = new string('t', 60) },
            ],
        };
        await using var tab = await browser.OpenAsync(site, width);
        await tab.SeesAsync("of 9010T");
        await tab.SeesAsync("1,000,000,000");
        await PageSites.AssertSoundAsync(tab, $"huge {width}", width);
    }

    [Fact]
    public async Task Ten_thousand_letters_do_not_slow_the_page()
    {
        await using var site = await PageSites.BusyAsync();
        for (var i = 0; i < 10_000; i++)
        {
            site.Engine.Letters.Add($"letter {i:00000}", error: $"value {i} is too long for '{i}'", code: i % 2 == 0 ? "22001" : "22003");
        }

        PageSites.Count(site);
        await using var tab = await browser.OpenAsync(site);
        await tab.SeesAsync("1–25 of 10,000");
        Assert.Equal(2, await tab.EvaluateAsync<int>("document.querySelectorAll('.causes li').length"));
        await tab.ClickAsync("document.querySelector('.filter input')");
        await tab.TypeAsync("09999");
        await tab.SeesAsync("1–1 of 1");
        await PageSites.AssertSoundAsync(tab, "ten thousand", 1280);
    }

    [Fact]
    public async Task A_page_that_is_open_over_a_restart_says_so_and_goes_on()
    {
        var first = await PageSites.BusyAsync();
        var address = first.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);
        await using var tab = await browser.OpenAsync(first);
        await first.DisposeAsync();
        await tab.SeesAsync("The server can’t be reached.");
        await tab.SeesAsync("Trying again.");
        await PageSites.AssertSoundAsync(tab, "away", 1280);

        await using var second = await TestSite.StartAsync(address: address);
        await tab.SeesAsync("The process was started anew");
        await tab.WaitForAsync("!document.body.innerText.includes('can’t be reached')");
        await tab.WaitForAsync("document.querySelector('#own tbody').innerText.includes('12.5')");
    }

    [Fact]
    public async Task A_network_that_is_lost_is_told_and_found_again()
    {
        await using var site = await PageSites.BusyAsync();
        await using var tab = await browser.OpenAsync(site);
        await tab.SendAsync("Network.enable");
        await ConditionsAsync(isOffline: true, latency: 0);
        await tab.SeesAsync("no answer");
        await tab.ClickButtonAsync("Look");
        await tab.ClickAsync("document.getElementById('id')");
        await tab.TypeAsync("a");
        await tab.ClickButtonAsync("Look");
        await tab.WaitForAsync("document.querySelector('#said.bad p').textContent.includes('reached')");

        await ConditionsAsync(isOffline: false, latency: 1_500);
        await tab.SeesAsync("as of");
        await tab.ClickButtonAsync("Look");
        await tab.WaitForAsync("document.querySelector('#entity h3')");
        Assert.Empty(tab.Errors);

        Task ConditionsAsync(bool isOffline, int latency) => tab.SendAsync("Network.emulateNetworkConditions", new JsonObject
        {
            ["offline"] = isOffline,
            ["latency"] = latency,
            ["downloadThroughput"] = 20_000,
            ["uploadThroughput"] = 20_000,
        });
    }

    [Fact]
    public async Task A_page_whose_session_has_ended_says_that_one_may_have_to_sign_in()
    {
        var isOver = false;
        await using var site = await PageSites.BusyAsync(app: app => app.Use(async (http, next) =>
        {
            if (!isOver)
            {
                await next(http);
                return;
            }

            http.Response.ContentType = "text/html";
            await http.Response.WriteAsync("<h1>Sign in</h1>");
        }));
        await using var tab = await browser.OpenAsync(site);
        isOver = true;
        await tab.SeesAsync("You may have to sign in again");
    }

    [Fact]
    public async Task What_is_known_without_redis_is_shown_also_where_the_letters_can_not_be_read()
    {
        await using var site = await PageSites.RejectedAsync();
        site.Engine.Letters.Failure = new BufferUnavailableException("Redis is away: no connection.", false);
        await using var tab = await browser.OpenAsync(site);
        await tab.SeesAsync("They can’t be read: Redis is away: no connection.");
        await tab.SeesAsync("12,345");
        await PageSites.AssertSoundAsync(tab, "letters away", 1280);

        site.Engine.Letters.Failure = null;
        await tab.SeesAsync("1–25 of 63");
    }

    [Fact]
    public async Task Errors_of_the_engine_are_told_in_its_words()
    {
        await using var site = await PageSites.BusyAsync();
        await using var tab = await browser.OpenAsync(site);
        site.Engine.Failure = new BufferUnavailableException("Redis is away: no connection.", false);
        await tab.SeesAsync("Redis is away: no connection.");
        await tab.ClickButtonAsync("Flush everything");
        await tab.WaitForAsync("document.querySelector('#said.bad p').textContent.includes('Redis is away')");
        site.Engine.Failure = null;
        await tab.SeesAsync("as of");
    }

    [Theory]
    [InlineData("/shop/writebehind")]
    [InlineData("/shop/writebehind/")]
    public async Task It_works_below_a_path_base(string path)
    {
        await using var site = await PageSites.BusyAsync(app: app => app.UsePathBase("/shop"));
        await using var tab = await browser.OpenAsync(site, path: path);
        await UseAsync(site, tab);
    }

    [Fact]
    public async Task It_works_behind_a_proxy_that_adds_a_prefix()
    {
        await using var site = await PageSites.BusyAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        await using var proxy = builder.Build();
        proxy.Map("/ops/{**path}", async (HttpContext http, string path) =>
        {
            using var request = new HttpRequestMessage(new(http.Request.Method), path + http.Request.QueryString);
            foreach (var name in (string[])["X-WriteBehind", "Origin", "Sec-Fetch-Site"])
            {
                request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)http.Request.Headers[name]);
            }

            using var answer = await site.Client.SendAsync(request);
            http.Response.StatusCode = (int)answer.StatusCode;
            http.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
            if (answer.Headers.TryGetValues("Content-Security-Policy", out var policy))
            {
                http.Response.Headers.ContentSecurityPolicy = policy.Single();
            }

            await http.Response.WriteAsync(await answer.Content.ReadAsStringAsync());
        });
        await proxy.StartAsync();
        await using var tab = await browser.OpenAsync(new Uri($"{proxy.Urls.Single()}/ops/writebehind"));
        await UseAsync(site, tab);
    }

    [Fact]
    public async Task Everything_can_be_reached_and_done_with_the_keyboard()
    {
        await using var site = await PageSites.RejectedAsync();
        await using var tab = await browser.OpenAsync(site);
        await tab.SeesAsync("1–25 of 63");
        var reached = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 130 && !reached.Contains("oldest"); i++)
        {
            await tab.PressAsync("Tab", 9);
            reached.Add(await tab.EvaluateAsync<string>(
                "(e => { const s = getComputedStyle(e); return s.outlineStyle === 'none' ? `without a mark: ${e.outerHTML}` : " +
                "e.id || e.getAttribute('aria-label') || e.textContent; })(document.activeElement)"));
        }

        Assert.DoesNotContain(reached, name => name.StartsWith("without a mark", StringComparison.Ordinal));
        Assert.Superset(
            new HashSet<string>(
                ["flush", "Pause the flush of stock", "type", "retry-all", "Show", "Retry", "discard long-00", "id", "oldest"]),
            reached);

        await tab.EvaluateAsync<object>("document.querySelector('[aria-label=\"retry long-00\"]').focus()");
        await tab.PressAsync("Enter", 13, "\r");
        await tab.WaitForAsync("document.activeElement.id === 'ask-yes'");
        await tab.PressAsync("Enter", 13, "\r");
        await Eventually.TrueAsync(() => site.Engine.Letters.Retried.SequenceEqual(["long-00"]));
    }

    private static async Task UseAsync(TestSite site, Tab tab)
    {
        await tab.SeesAsync("as of");
        await tab.ClickButtonAsync("Pause the flush of stock");
        await tab.ClickButtonAsync("Pause", "dialog[open]");
        await Eventually.TrueAsync(() => site.Engine.Pause is not null);
        await tab.SeesAsync("The flush of stock is paused until");
        Assert.Empty(tab.Errors);
    }
}
