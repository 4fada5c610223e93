using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.AspNetCore.Tests.Web;

namespace WriteBehind.AspNetCore.Tests.Page;

/// <summary>Sites for the page to show, and what it has to keep to whatever it shows.</summary>
internal static class PageSites
{
    public static readonly DateTimeOffset Start = new(2026, 2, 1, 12, 0, 5, TimeSpan.Zero);

    /// <summary>Opens the page and waits for the first figures.</summary>
    public static async Task<Tab> OpenAsync(
        this Browser browser, TestSite site, int width = 1280, bool isDark = false, string path = "/writebehind")
    {
        var tab = await browser.OpenAsync(new Uri(site.Client.BaseAddress!, path), width, width < 700 ? 812 : 900, isDark);
        await tab.SeesAsync("as of");
        return tab;
    }

    /// <summary>No error, nothing that keeps people from using it, nothing wider than the window.</summary>
    public static async Task AssertSoundAsync(Tab tab, string name, int width)
    {
        await tab.ShowAsync(name);
        Assert.Empty(await tab.AccessibilityFaultsAsync());
        Assert.Empty(tab.Errors);
        Assert.Equal(width, await tab.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    /// <summary>A site with an hour behind it.</summary>
    public static async Task<TestSite> BusyAsync(string address = "http://127.0.0.1:0", Action<WebApplication>? app = null)
    {
        var time = new FakeTimeProvider(Start);
        var engine = new FakeEngine();
        engine.Status = engine.Status with
        {
            Types = [FakeEngine.Stock with { Dirty = 12_345, DeadLetters = 0, Rates = new(1640, 212.4) }],
        };
        var site = await TestSite.StartAsync(
            services: services => services.AddSingleton<TimeProvider>(time), app: app, engine: engine, address: address);
        var acks = site.Services.GetRequiredService<IMeterFactory>().Create(WriteBehindDiagnostics.MeterName)
            .CreateHistogram<double>(WriteBehindDiagnostics.AckDuration);
        var (stock, writes, rows) = (engine.Status.Types[0], 0.0, 0.0);
        for (var i = 0; i < 300; i++)
        {
            var wave = 1.5 + Math.Sin(i / 23.0) + 0.2 * Math.Sin(i / 3.0);
            (writes, rows) = (writes + 8000 * wave, rows + 1100 * wave);
            acks.Record(0.002 + 0.001 * wave, new KeyValuePair<string, object?>(WriteBehindDiagnostics.TypeTag, "stock"));
            engine.Status = engine.Status with
            {
                Types = [stock with
                {
                    Dirty = (long)(6000 * wave),
                    OldestDirtyAge = TimeSpan.FromSeconds(4 + 4 * wave),
                    Counters = new((long)writes, 0, 3, 0, (long)rows, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                }],
            };
            time.Advance(TimeSpan.FromSeconds(i is > 200 and < 203 ? 60 : 10));
        }

        engine.Status = engine.Status with { Types = [stock with { Counters = engine.Status.Types[0].Counters }] };
        return site;
    }

    public static async Task<TestSite> RejectedAsync()
    {
        var site = await BusyAsync();
        for (var i = 0; i < 40; i++)
        {
            site.Engine.Letters.Add($"long-{i:00}", error: "value too long for type character varying(20)");
        }

        for (var i = 0; i < 22; i++)
        {
            site.Engine.Letters.Add(
                $"null-{i:00}", error: "null value in column \"name\" of relation \"stock\" violates not-null constraint", code: "23502");
        }

        site.Engine.Letters.Add("torn", error: "The payload of 'torn' ends after 3 bytes", code: null, reason: DeadLetterReason.Unreadable);
        Count(site);
        return site;
    }

    /// <summary>Lets the status tell how many letters there are.</summary>
    public static void Count(TestSite site) => site.Engine.Status = site.Engine.Status with
    {
        Types = [site.Engine.Status.Types[0] with { DeadLetters = site.Engine.Letters.Ids.Count }],
    };
}
