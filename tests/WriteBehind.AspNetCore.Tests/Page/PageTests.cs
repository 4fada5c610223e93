using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Page;

/// <summary>The live page in a browser, in each state that an operator meets.</summary>
[Collection(nameof(Browser))]
public sealed class PageTests(Browser browser)
{
    private const string Dialog = "dialog[open]";

    public static TheoryData<string, int, bool> Looks => new()
    {
        { "light", 1280, false },
        { "dark", 1280, true },
        { "phone", 375, false },
        { "phone dark", 375, true },
    };

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task Figures_of_all_processes_and_of_this_one_are_apart_and_an_hour_is_drawn(string look, int width, bool isDark)
    {
        await using var site = await PageSites.BusyAsync();
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.WaitForAsync("document.querySelectorAll('.charts .line').length >= 5");

        var service = await tab.EvaluateAsync<string>("document.querySelector('#service tbody').innerText");
        var own = await tab.EvaluateAsync<string>("document.querySelector('#own tbody').innerText");
        Assert.Contains("12,345", service, StringComparison.Ordinal);
        Assert.Contains("1.5 s", service, StringComparison.Ordinal);
        Assert.DoesNotContain("12,345", own, StringComparison.Ordinal);
        Assert.Contains("1,640", own, StringComparison.Ordinal);
        await tab.SeesAsync("all processes, as Redis has it");

        var axes = await tab.EvaluateAsync<string[]>("[...document.querySelectorAll('.charts svg')].map(s => s.textContent)");
        Assert.All(axes, axis => Assert.Contains("1 h ago", axis, StringComparison.Ordinal));
        Assert.Contains("ms", axes[2], StringComparison.Ordinal);
        Assert.Equal((3, 2), (
            await tab.EvaluateAsync<int>("document.querySelectorAll('#charts-own svg').length"),
            await tab.EvaluateAsync<int>("document.querySelectorAll('#charts-all svg').length")));
        await PageSites.AssertSoundAsync(tab, $"busy {look}", width);
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task Dead_letters_are_grouped_by_cause_filtered_and_turned_over(string look, int width, bool isDark)
    {
        await using var site = await PageSites.RejectedAsync();
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.SeesAsync("1–25 of 63");

        Assert.Equal(["40", "22", "1"], await tab.EvaluateAsync<string[]>(
            "[...document.querySelectorAll('.causes .value')].map(v => v.textContent)"));
        await tab.ClickButtonAsync("Next");
        await tab.SeesAsync("26–50 of 63");
        await tab.ClickAsync("document.querySelector('.filter input')");
        await tab.TypeAsync("23502");
        await tab.SeesAsync("1–22 of 22");
        Assert.Equal(22, await tab.EvaluateAsync<int>("document.querySelectorAll('.letters tbody tr').length"));
        if (width < 700)
        {
            // Each letter is a card: its cells are below each other, and all of them fit.
            Assert.True(await tab.EvaluateAsync<bool>(
                "(r => [...r].every((c, i) => i === 0 || c.getBoundingClientRect().top >= r[i - 1].getBoundingClientRect().bottom - 1))" +
                "(document.querySelector('.letters tbody tr').cells)"));
        }

        await PageSites.AssertSoundAsync(tab, $"letters {look}", width);
        await tab.ClickButtonAsync("Show", ".causes li:nth-child(2)");
        await tab.SeesAsync("1–22 of 22");
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task With_nothing_to_show_the_page_says_so(string look, int width, bool isDark)
    {
        var engine = new FakeEngine();
        engine.Status = engine.Status with
        {
            Types =
            [
                FakeEngine.Stock with
                {
                    Dirty = 0,
                    OldestDirtyAge = null,
                    DeadLetters = 0,
                    Counters = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                    Rates = new(0, 0),
                },
            ],
        };
        await using var site = await TestSite.StartAsync(engine: engine);
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.SeesAsync("None: nothing of stock is set aside");
        await PageSites.AssertSoundAsync(tab, $"empty {look}", width);

        engine.Status = engine.Status with { Types = [] };
        await tab.SeesAsync("No entity type is registered");
        Assert.Empty(tab.Errors);
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task An_outage_of_redis_and_of_the_database_is_told_on_top(string look, int width, bool isDark)
    {
        await using var site = await PageSites.BusyAsync();
        site.Engine.Status = new(
            [
                FakeEngine.Stock with
                {
                    Dirty = 980_000,
                    OldestDirtyAge = TimeSpan.FromMinutes(4),
                    Breaker = BreakerState.Open,
                    LastError = "57P03: the database system is shutting down",
                    BacklogAt = PageSites.Start,
                },
            ],
            new(false, ["appendonly is no: a crash of Redis loses what it acknowledged. Set appendonly yes."], PageSites.Start)
            {
                Shards = new(48, 16, 0, "No connection is active to serve this operation: GET"),
            },
            [new("sweep stock", PageSites.Start, 7, "Redis does not answer")]);
        await using var tab = await browser.OpenAsync(site, width, isDark);
        foreach (var text in (string[])
            [
                "Redis does not answer", "of 48 shards 16 do not answer", "Redis came back empty", "The database does not take stock",
                "Redis may lose acknowledged writes", "Background loops fail", "4 min",
            ])
        {
            await tab.SeesAsync(text);
        }

        await PageSites.AssertSoundAsync(tab, $"outage {look}", width);
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task An_entity_is_inspected_in_all_places_side_by_side(string look, int width, bool isDark)
    {
        await using var site = await PageSites.BusyAsync();
        site.Engine.Inspection = new("stock", "", PageSites.Start)
        {
            Buffered = new(8, false, """{"quantity":9007199254740993,"name":"mug","tags":["a"]}"""u8.ToArray()),
            Row = new(7, false, """{"quantity":1.10,"name":"mug"}"""u8.ToArray()),
            DirtySince = PageSites.Start,
            ClaimedUntil = PageSites.Start.AddSeconds(5),
            Fence = 7,
            FenceExpiresIn = TimeSpan.FromMinutes(3),
        };
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.ClickAsync("document.getElementById('id')");
        await tab.TypeAsync("a/ b");
        await tab.PressAsync("Enter", 13, "\r");
        await tab.SeesAsync("9007199254740993"); // No digit is lost.
        await tab.SeesAsync("1.10");
        Assert.Equal(
            ["Version", "quantity", "tags"],
            await tab.EvaluateAsync<string[]>("[...document.querySelectorAll('tr.differs th')].map(h => h.textContent)"));
        Assert.Equal("entity", await tab.EvaluateAsync<string>("document.activeElement.id"));
        await PageSites.AssertSoundAsync(tab, $"inspect {look}", width);

        await tab.ClickButtonAsync("Flush now");
        await tab.SeesAsync("Flushed: the database has it.");
        Assert.Equal(["a/ b"], site.Engine.Flushed);
        await tab.ClickButtonAsync("Oldest dirty");
        await tab.WaitForAsync("document.querySelectorAll('#entity tbody tr').length === 20");
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task Redis_is_compared_with_the_database_and_mended_once_that_is_confirmed(string look, int width, bool isDark)
    {
        await using var site = await PageSites.BusyAsync();
        site.Engine.Differences =
        [
            .. site.Engine.Differences,
            new("85123A <b>", StoreDifferenceKind.RowAhead, "the row has version 9, the unflushed state 8", false),
        ];
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.ClickButtonAsync("Compare …");
        await tab.SeesAsync("Compare all of stock?");
        await tab.ClickButtonAsync("Cancel", Dialog);
        await tab.WaitForAsync($"!document.querySelector('{Dialog}')");
        Assert.Null(site.Engine.Mend);

        await tab.ClickButtonAsync("Compare …");
        await tab.ClickButtonAsync("Compare", Dialog);
        await tab.SeesAsync("7 stock that Redis knows of, 2 dirty, 1 dead letter");
        await tab.SeesAsync("2 differ");
        Assert.Equal("compared", await tab.EvaluateAsync<string>("document.activeElement.id"));
        Assert.Equal(
            ["row 1, settled 2", "the row has version 9, the unflushed state 8"],
            await tab.EvaluateAsync<string[]>("[...document.querySelectorAll('#compared td > div')].map(d => d.textContent)"));
        Assert.False(site.Engine.Mend);
        await PageSites.AssertSoundAsync(tab, $"compared {look}", width);

        await tab.ClickButtonAsync("Mend 1 …");
        await tab.SeesAsync("Mend 1 of stock?");
        Assert.False(site.Engine.Mend);
        await tab.ClickButtonAsync("Mend", Dialog);
        await tab.SeesAsync("1 mended.");
        await tab.SeesAsync("1 differ still");
        Assert.True(site.Engine.Mend);
        await PageSites.AssertSoundAsync(tab, $"mended {look}", width);

        await tab.ClickButtonAsync("85123A <b>");
        await tab.WaitForAsync("document.querySelector('#entity h3 .id')?.textContent === '85123A <b>'");
        site.Engine.Differences = [];
        await tab.ClickButtonAsync("Compare …");
        await tab.ClickButtonAsync("Compare", Dialog);
        await tab.SeesAsync("no difference");
    }

    [Fact]
    public async Task Letters_are_read_once_for_their_causes_and_a_page_of_them()
    {
        await using var site = await PageSites.RejectedAsync();
        await using var tab = await browser.OpenAsync(site);
        await tab.SeesAsync("1–25 of 63");

        Assert.Equal(1, site.Engine.Letters.Lists);
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task A_flush_is_paused_and_resumed(string look, int width, bool isDark)
    {
        await using var site = await PageSites.BusyAsync();
        await using var tab = await browser.OpenAsync(site, width, isDark);
        await tab.ClickButtonAsync("Pause the flush of stock");
        await tab.SeesAsync("Pause the flush of stock?");
        await PageSites.AssertSoundAsync(tab, $"pause asked {look}", width);
        await tab.ClickButtonAsync("Cancel", Dialog);
        await tab.WaitForAsync($"!document.querySelector('{Dialog}')");
        Assert.Null(site.Engine.Pause);

        await tab.ClickButtonAsync("Pause the flush of stock");
        await tab.EvaluateAsync<object>("document.getElementById('minutes').value = 30");
        await tab.ClickButtonAsync("Pause", Dialog);
        await Eventually.TrueAsync(() => site.Engine.Pause is not null);
        Assert.Equal(TimeSpan.FromMinutes(30), site.Engine.Pause!.Until - site.Engine.Pause.Since);
        site.Engine.Status = site.Engine.Status with { Types = [site.Engine.Status.Types[0] with { Pause = site.Engine.Pause }] };
        await tab.SeesAsync("paused");
        await PageSites.AssertSoundAsync(tab, $"paused {look}", width);

        await tab.ClickButtonAsync("Resume the flush of stock");
        await Eventually.TrueAsync(() => site.Engine.Pause is null);
        await tab.SeesAsync("The flush of stock goes on.");
    }

    [Fact]
    public async Task Letters_are_retried_and_discarded_one_by_one_and_by_cause_once_that_is_confirmed()
    {
        await using var site = await PageSites.RejectedAsync();
        await using var tab = await browser.OpenAsync(site);
        await tab.ClickButtonAsync("discard long-00");
        await tab.SeesAsync("dropped for good");
        await PageSites.AssertSoundAsync(tab, "discard asked", 1280);

        // Escape is a no, and the focus returns to where it was.
        await tab.PressAsync("Escape", 27);
        await tab.WaitForAsync($"!document.querySelector('{Dialog}')");
        Assert.Equal("discard long-00", await tab.EvaluateAsync<string>("document.activeElement.getAttribute('aria-label')"));
        Assert.Equal(63, site.Engine.Letters.Ids.Count);

        await tab.ClickButtonAsync("discard long-00");
        await tab.ClickButtonAsync("Discard", Dialog);
        await Eventually.TrueAsync(() => site.Engine.Letters.Ids.Count == 62);
        PageSites.Count(site);
        await tab.SeesAsync("The dead letter was discarded.");
        await tab.SeesAsync("of 62");

        await tab.ClickButtonAsync("retry long-01");
        await tab.ClickButtonAsync("Retry", Dialog);
        await Eventually.TrueAsync(() => site.Engine.Letters.Retried.SequenceEqual(["long-01"]));
        await tab.ClickButtonAsync("Discard …", ".causes li:nth-child(2)");
        await tab.SeesAsync("Discard 22 dead letters of stock?");
        await tab.ClickButtonAsync("Discard", Dialog);
        await Eventually.TrueAsync(() => site.Engine.Letters.Ids.Count == 39);
        PageSites.Count(site);
        await tab.SeesAsync("22 dead letters discarded.");
        await tab.ClickButtonAsync("Retry all");
        await tab.ClickButtonAsync("Retry all", Dialog);
        await Eventually.TrueAsync(() => site.Engine.Letters.Ids.Count == 0);
        PageSites.Count(site);
        await tab.SeesAsync("None: nothing of stock is set aside");
        Assert.Empty(tab.Errors);
    }
}
