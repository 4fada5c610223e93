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
