using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

public sealed class EmbeddedCacheTests(EmbeddedApiTests.Running running) : IClassFixture<EmbeddedApiTests.Running>
{
    private readonly string _id = SharedServers.FreshName("customer ");

    private HttpClient Client => running.Service.Client;

    private string Path => $"/profiles/{Uri.EscapeDataString(_id)}";

    [Fact]
    public async Task A_profile_is_in_postgresql_when_its_change_is_acknowledged_and_is_read_back()
    {
        var put = await Client.PutAsJsonAsync(Path, new { name = "Ada", city = "London" });
        Assert.Equal("\"1\"", put.Headers.ETag?.Tag);
        Assert.Equal("Ada", await NameAsync());

        // Without the row the cache still has it: it is read from there. (The database's own word of the change may take it out once more.)
        await Eventually.TrueAsync(async () =>
        {
            await NameAsync();
            await running.Servers.ExecuteAsync("ALTER TABLE shop.profiles RENAME TO away");
            try
            {
                return await NameAsync() == "Ada";
            }
            finally
            {
                await running.Servers.ExecuteAsync("ALTER TABLE shop.away RENAME TO profiles");
            }
        });

        Assert.Equal(HttpStatusCode.NoContent, (await Client.DeleteAsync(Path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync(Path)).StatusCode);
    }

    [Fact]
    public async Task A_profile_that_another_program_changed_is_read_anew()
    {
        await Client.PutAsJsonAsync(Path, new { name = "Ada", city = "London" });
        Assert.Equal("Ada", await NameAsync());
        await running.Servers.ExecuteAsync($"UPDATE shop.profiles SET name = 'Grace' WHERE id = '{_id}'");
        await Eventually.TrueAsync(async () => await NameAsync() == "Grace");
    }

    [Fact]
    public async Task Several_profiles_are_read_at_once_and_absent_ones_are_left_out()
    {
        await Client.PutAsJsonAsync(Path, new { name = "Ada", city = "Paris" });
        await Client.PutAsJsonAsync($"{Path}-2", new { name = "Bob", city = "Paris" });
        var id = Uri.EscapeDataString(_id);
        var found = await Client.GetFromJsonAsync<JsonElement>($"/profiles?id={id}&id={id}-2&id={id}-3");
        Assert.Equal(["Ada", "Bob"], found.EnumerateArray().Select(profile => profile.GetProperty("name").GetString()));
        Assert.Equal(HttpStatusCode.NoContent, (await Client.PostAsync("/profiles/cities/Paris/invalidate", null)).StatusCode);
        Assert.Equal("Ada", await NameAsync());
    }

    [Fact]
    public async Task A_hundred_readers_of_a_page_get_one_and_the_same()
    {
        var product = Uri.EscapeDataString(SharedServers.FreshName("page product "));
        await TestSite.JsonAsync(await Client.PostAsJsonAsync($"/stock/{product}/movements", new { amount = 5 }));
        var pages = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Client.GetFromJsonAsync<JsonElement>($"/pages/{product}")));
        Assert.All(pages, static page => Assert.Equal(5, page.GetProperty("quantity").GetInt64()));
        Assert.Single(pages.Select(static page => page.GetProperty("madeAt").GetString()).Distinct());

        await TestSite.JsonAsync(await Client.PostAsJsonAsync($"/stock/{product}/movements", new { amount = 1 }));
        Assert.Equal(HttpStatusCode.NoContent, (await Client.DeleteAsync($"/pages/{product}")).StatusCode);
        Assert.Equal(6, (await Client.GetFromJsonAsync<JsonElement>($"/pages/{product}")).GetProperty("quantity").GetInt64());
    }

    [Fact]
    public async Task A_page_of_a_product_that_is_not_there_is_not_found()
        => Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync("/pages/never-seen")).StatusCode);

    private async Task<string?> NameAsync() => (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("name").GetString();
}
