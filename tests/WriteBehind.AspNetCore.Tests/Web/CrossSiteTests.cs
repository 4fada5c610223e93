using System.Net;

namespace WriteBehind.AspNetCore.Tests.Web;

public sealed class CrossSiteTests
{
    [Theory]
    [InlineData("/writebehind/dead-letters/stock/retry?id=a")]
    [InlineData("/writebehind/dead-letters/stock/retry-all")]
    [InlineData("/writebehind/dead-letters/stock/discard?id=a")]
    [InlineData("/writebehind/dead-letters/stock/discard-all?text=a")]
    [InlineData("/writebehind/entities/stock/flush?id=a")]
    [InlineData("/writebehind/entities/stock/verify")]
    [InlineData("/writebehind/entities/stock/reconcile")]
    [InlineData("/writebehind/flush")]
    [InlineData("/writebehind/flush/stock/pause")]
    [InlineData("/writebehind/flush/stock/resume")]
    public async Task A_post_without_the_header_that_only_scripts_can_set_changes_nothing(string path)
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        await TestSite.AssertProblemAsync(HttpStatusCode.Forbidden, await site.SendAsync(HttpMethod.Post, path));
        Assert.Equal(["a"], site.Engine.Letters.Ids);
        Assert.Equal((null, 0), (site.Engine.Mend, site.Engine.Flushed.Count));
    }

    [Theory]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "http://127.0.0.1:1")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    public async Task A_post_from_a_page_of_another_site_is_refused_even_with_the_header(string name, string value)
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Letters.Add("a");
        var answer = await site.SendAsync(
            HttpMethod.Post, "/writebehind/dead-letters/stock/discard?id=a", ("X-WriteBehind", "1"), (name, value));
        await TestSite.AssertProblemAsync(HttpStatusCode.Forbidden, answer);
        Assert.Equal(["a"], site.Engine.Letters.Ids);
    }

    [Fact]
    public async Task A_post_from_the_own_page_is_taken()
    {
        await using var site = await TestSite.StartAsync();
        var own = site.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);
        foreach (var header in ((string, string)[])[("Origin", own), ("Sec-Fetch-Site", "same-origin")])
        {
            var answer = await site.SendAsync(HttpMethod.Post, "/writebehind/flush", ("X-WriteBehind", "1"), header);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("/writebehind/dead-letters/stock/retry-all")]
    [InlineData("/writebehind/flush")]
    public async Task Nothing_can_be_changed_with_a_get(string path)
    {
        await using var site = await TestSite.StartAsync();
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await site.GetAsync(path)).StatusCode);
    }
}
