using System.Net.Http.Json;
using System.Text.Json;
using WriteBehind.AspNetCore.Tests.Sample;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Page;

/// <summary>The sample service on real servers, operated over HTTP and from its page.</summary>
[Collection(nameof(Browser))]
public sealed class OperatedServiceTests(Browser browser, SampleServers servers) : IClassFixture<SampleServers>
{
    [Fact]
    public async Task A_row_that_was_deleted_is_found_by_verify_and_brought_back_by_reconcile()
    {
        await using var service = await EmbeddedService.StartAsync(servers);
        await MoveAsync(service, "kept", 5);
        await PostAsync(service, "entities/stock/flush?id=kept");
        Assert.Equal((5, 1), await servers.ReadRowAsync("kept"));
        Assert.Equal(0, (await PostAsync(service, "entities/stock/verify")).GetProperty("differing").GetInt64());

        await servers.ExecuteAsync("DELETE FROM shop.stock WHERE id = 'kept'");
        var difference = Assert.Single(
            (await PostAsync(service, "entities/stock/verify")).GetProperty("differences").EnumerateArray());
        Assert.Equal(("kept", "RowBehind"), (difference.GetProperty("id").GetString(), difference.GetProperty("kind").GetString()));
        Assert.Null(await servers.ReadRowAsync("kept"));

        Assert.Equal(1, (await PostAsync(service, "entities/stock/reconcile")).GetProperty("mended").GetInt64());
        await Eventually.TrueAsync(async () => await servers.ReadRowAsync("kept") == (5, 1));
    }

    [Fact]
    public async Task Entities_that_the_database_rejects_are_one_cause_on_the_page_and_are_retried_from_there()
    {
        await using var service = await EmbeddedService.StartAsync(servers);
        await servers.ExecuteAsync("ALTER TABLE shop.stock ADD CONSTRAINT none_odd CHECK (id NOT LIKE 'odd%')");
        foreach (var id in (string[])["odd-1", "odd-2", "odd <i>3"])
        {
            await MoveAsync(service, id, 7);
        }

        await using var tab = await browser.OpenAsync(new Uri(service.Client.BaseAddress!, "/writebehind"));
        await Eventually.TrueAsync(() => tab.EvaluateAsync<bool>("document.querySelector('.causes .value')?.textContent === '3'"));
        Assert.Equal(1, await tab.EvaluateAsync<int>("document.querySelectorAll('.causes li').length"));
        await tab.SeesAsync("none_odd");
        await tab.ClickButtonAsync("inspect odd <i>3");
        await tab.WaitForAsync("document.querySelector('#entity tbody').innerText.includes('7')");
        await PageSites.AssertSoundAsync(tab, "real", 1280);

        await servers.ExecuteAsync("ALTER TABLE shop.stock DROP CONSTRAINT none_odd");
        await tab.ClickButtonAsync("Retry", ".causes");
        await tab.ClickButtonAsync("Retry", "dialog[open]");
        await tab.SeesAsync("3 dead letters retried.");
        await tab.SeesAsync("None: nothing of stock is set aside.");
        await Eventually.TrueAsync(async () => await servers.ReadRowAsync("odd <i>3") == (7, 1));
        Assert.Empty(tab.Errors);
    }

    [Fact]
    public async Task A_pause_from_the_page_holds_the_flush_and_the_history_shows_it()
    {
        await using var service = await EmbeddedService.StartAsync(servers);
        await using var tab = await browser.OpenAsync(new Uri(service.Client.BaseAddress!, "/writebehind"));
        await tab.ClickButtonAsync("Pause the flush of stock");
        await tab.ClickButtonAsync("Pause", "dialog[open]");
        await tab.SeesAsync("by a caller without a name over HTTP");
        await MoveAsync(service, "held", 2);

        // A figure of each is noted every ten seconds.
        await Eventually.TrueAsync(async () =>
        {
            var history = await service.Client.GetFromJsonAsync<JsonElement>("/writebehind/history");
            var stock = history.GetProperty("types").EnumerateArray().Single(type => type.GetProperty("type").GetString() == "stock");
            return Last(stock, "dirty") == 1 && Last(stock, "writesPerSecond") is not null
                && Highest(stock, "ackP99Seconds") is > 0 and < 30;
        });
        Assert.Null(await servers.ReadRowAsync("held"));

        await tab.ClickButtonAsync("Resume the flush of stock");
        await Eventually.TrueAsync(async () => await servers.ReadRowAsync("held") == (2, 1));

        static double? Last(JsonElement type, string figure)
            => type.GetProperty(figure).EnumerateArray().Last() is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

        static double? Highest(JsonElement type, string figure)
            => type.GetProperty(figure).EnumerateArray().Where(value => value.ValueKind == JsonValueKind.Number)
                .Select(value => (double?)value.GetDouble()).Max();
    }

    private static async Task MoveAsync(EmbeddedService service, string id, int amount)
        => (await service.Client.PostAsJsonAsync($"/stock/{Uri.EscapeDataString(id)}/movements", new { amount })).EnsureSuccessStatusCode();

    private static async Task<JsonElement> PostAsync(EmbeddedService service, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/writebehind/{path}");
        request.Headers.Add("X-WriteBehind", "1");
        using var answer = await service.Client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
