using System.Net;
using System.Text.Json;

namespace WriteBehind.AspNetCore.Tests.Web;

public sealed class DeadLetterEndpointTests
{
    private const string Letters = "/writebehind/dead-letters/stock";

    [Fact]
    public async Task Letters_are_listed_up_to_the_limit()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        site.Engine.Letters.Add("b");
        var list = await TestSite.JsonAsync(await site.GetAsync($"{Letters}?limit=1"));
        var letter = Assert.Single(list.GetProperty("letters").EnumerateArray());
        Assert.Equal("22001", letter.GetProperty("code").GetString());
        Assert.Equal("Rejected", letter.GetProperty("reason").GetString());
        Assert.Equal(7, letter.GetProperty("version").GetInt64());
    }

    [Fact]
    public async Task Letters_come_in_pages_in_the_order_of_their_ids_and_fit_a_filter()
    {
        await using var site = await TestSite.StartAsync();
        foreach (var id in (string[])["d", "b", "a", "c"])
        {
            site.Engine.Letters.Add(id, error: id == "d" ? "null value" : "value too long", code: id == "d" ? "23502" : "22001");
        }

        async Task<(string Ids, long Total)> ListAsync(string query)
        {
            var list = await TestSite.JsonAsync(await site.GetAsync($"{Letters}{query}"));
            return (string.Concat(list.GetProperty("letters").EnumerateArray().Select(letter => letter.GetProperty("id").GetString())),
                list.GetProperty("total").GetInt64());
        }

        Assert.Equal(("ab", 4), await ListAsync("?limit=2"));
        Assert.Equal(("cd", 4), await ListAsync("?limit=2&skip=2"));
        Assert.Equal(("", 4), await ListAsync("?limit=2&skip=9"));
        Assert.Equal(("abc", 3), await ListAsync("?text=TOO%20long"));
        Assert.Equal(("d", 1), await ListAsync("?text=23502"));
        Assert.Equal(("", 0), await ListAsync("?reason=fenced"));
        foreach (var query in (string[])["?skip=-1", "?skip=x", "?reason=odd", "?reason=0", "?text=a&text=b"])
        {
            await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.GetAsync($"{Letters}{query}"));
        }
    }

    [Fact]
    public async Task Letters_that_died_of_the_same_are_one_cause_whatever_names_and_numbers_their_errors_have()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a", error: "The payload of 'a' has 17 bytes too many", code: null, reason: DeadLetterReason.Unreadable);
        site.Engine.Letters.Add("b", error: "The payload of 'b' has 3 bytes too many", code: null, reason: DeadLetterReason.Unreadable);
        site.Engine.Letters.Add("c", error: "The payload of 'c' has 3 bytes too many", code: null);
        site.Engine.Letters.Add("d");

        var causes = await TestSite.JsonAsync(await site.GetAsync($"{Letters}/causes"));

        Assert.Equal((4, 3), (causes.GetProperty("total").GetInt64(), causes.GetProperty("distinct").GetInt32()));
        var first = causes.GetProperty("causes")[0];
        Assert.Equal((2, "Unreadable"), (first.GetProperty("count").GetInt32(), first.GetProperty("reason").GetString()));

        var key = first.GetProperty("key").GetString();
        var done = await TestSite.JsonAsync(await site.PostAsync($"{Letters}/retry-all?cause={key}"));
        Assert.Equal((2, 0), (done.GetProperty("count").GetInt64(), done.GetProperty("failed").GetInt64()));
        Assert.Equal(["a", "b"], site.Engine.Letters.Retried);

        done = await TestSite.JsonAsync(await site.PostAsync($"{Letters}/discard-all?text=too%20long"));
        Assert.Equal(("discarded", 1), (done.GetProperty("action").GetString(), done.GetProperty("count").GetInt64()));
        Assert.Equal(["c"], site.Engine.Letters.Ids);
    }

    [Theory]
    [InlineData("retry-all?cuase=1")]
    [InlineData("retry-all?text=")]
    [InlineData("retry-all?id=a")]
    [InlineData("discard-all")]
    [InlineData("discard-all?text=")]
    [InlineData("discard-all?limit=1")]
    public async Task A_filter_that_is_misspelt_or_empty_touches_no_letter(string action)
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.PostAsync($"{Letters}/{action}"));
        Assert.Equal(["a"], site.Engine.Letters.Ids);
        Assert.Empty(site.Engine.Letters.Retried);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("-1")]
    [InlineData("many")]
    public async Task A_senseless_limit_is_refused(string limit)
    {
        await using var site = await TestSite.StartAsync();
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.GetAsync($"{Letters}?limit={limit}"));
    }

    [Theory]
    [InlineData("a/b/../c")]
    [InlineData("..")]
    [InlineData("{x}:01 50%")]
    [InlineData("line\nbreak\ttab")]
    [InlineData("ключ 商品 🦊")]
    [InlineData("a?b=c&id=d#e+f")]
    [InlineData("<script>alert('x')</script>")]
    [InlineData(" ")]
    public async Task A_letter_of_any_id_can_be_shown_retried_and_discarded(string id)
    {
        await using var site = await TestSite.StartAsync();
        var query = $"?id={Uri.EscapeDataString(id)}";

        site.Engine.Letters.Add(id);
        var shown = await TestSite.JsonAsync(await site.GetAsync($"{Letters}/show{query}"));
        Assert.Equal(id, shown.GetProperty("letter").GetProperty("id").GetString());
        Assert.Equal(5, shown.GetProperty("state").GetProperty("quantity").GetInt32());

        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync($"{Letters}/retry{query}")).StatusCode);
        Assert.Equal([id], site.Engine.Letters.Retried);

        site.Engine.Letters.Add(id);
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync($"{Letters}/discard{query}")).StatusCode);
        Assert.Empty(site.Engine.Letters.Ids);
        await TestSite.AssertProblemAsync(HttpStatusCode.NotFound, await site.PostAsync($"{Letters}/discard{query}"));
    }

    [Fact]
    public async Task A_state_that_is_no_json_is_shown_in_base_64()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a", "no json");
        var shown = await TestSite.JsonAsync(await site.GetAsync($"{Letters}/show?id=a"));
        Assert.Equal(JsonValueKind.Null, shown.GetProperty("state").ValueKind);
        Assert.Equal("bm8ganNvbg==", shown.GetProperty("stateBase64").GetString());
    }

    [Fact]
    public async Task A_rejected_delete_has_no_state()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a", isDelete: true);
        var shown = await TestSite.JsonAsync(await site.GetAsync($"{Letters}/show?id=a"));
        Assert.True(shown.GetProperty("isDelete").GetBoolean());
        Assert.Equal(JsonValueKind.Null, shown.GetProperty("state").ValueKind);
    }

    [Fact]
    public async Task All_letters_of_a_type_are_retried_at_once()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        site.Engine.Letters.Add("b");
        var done = await TestSite.JsonAsync(await site.PostAsync($"{Letters}/retry-all"));
        Assert.Equal(2, done.GetProperty("count").GetInt64());
        Assert.Equal(["a", "b"], site.Engine.Letters.Retried);
    }

    [Theory]
    [InlineData("show", "GET")]
    [InlineData("retry", "POST")]
    [InlineData("discard", "POST")]
    public async Task Without_an_id_or_with_two_nothing_is_done(string action, string method)
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        site.Engine.Letters.Add("b");
        foreach (var query in (string[])["", "?id=", "?id=a&id=b"])
        {
            var answer = await site.SendAsync(new HttpMethod(method), $"{Letters}/{action}{query}", ("X-WriteBehind", "1"));
            await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, answer);
        }

        Assert.Equal(["a", "b"], site.Engine.Letters.Ids);
    }

    [Fact]
    public async Task An_unknown_type_is_not_found_and_the_known_ones_are_named()
    {
        await using var site = await TestSite.StartAsync();
        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.NotFound, await site.GetAsync("/writebehind/dead-letters/stok"));
        Assert.Equal("stok", problem.GetProperty("entityType").GetString());
        Assert.Contains("stock", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }
}
