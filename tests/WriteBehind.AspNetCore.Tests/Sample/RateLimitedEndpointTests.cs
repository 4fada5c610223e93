using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

public sealed class RateLimitedEndpointTests
{
    [Fact]
    public async Task Two_processes_of_the_service_share_the_limit_of_a_caller_and_no_other_caller_is_held_up()
    {
        var servers = new SampleServers();
        await servers.InitializeAsync();

        // Longer than a busy machine stands still: then each decision is that of Redis.
        servers.Environment["Limits__availability__Timeout"] = "00:00:30";
        try
        {
            await using var one = await EmbeddedService.StartAsync(servers);
            await using var other = await EmbeddedService.StartAsync(servers);
            await one.Client.PostAsJsonAsync("/stock/apple/movements", new { amount = 3 });

            var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => AskAsync(i % 2 == 0 ? one : other, "ann")));
            var refused = answers.Where(answer => answer.StatusCode == HttpStatusCode.TooManyRequests).ToArray();

            Assert.Equal(5, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
            Assert.Equal(25, refused.Length);
            Assert.All(
                refused,
                answer => Assert.InRange(answer.Headers.RetryAfter?.Delta ?? default, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)));
            Assert.Equal("application/problem+json", refused[0].Content.Headers.ContentType?.MediaType);
            Assert.True((await (await AskAsync(other, "bob")).Content.ReadFromJsonAsync<JsonElement>()).GetBoolean());
            await Eventually.TrueAsync(async () => (await AskAsync(one, "ann")).StatusCode == HttpStatusCode.OK);
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    private static async Task<HttpResponseMessage> AskAsync(EmbeddedService service, string caller)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/stock/apple/available") { Headers = { { "X-Caller", caller } } };
        return await service.Client.SendAsync(request);
    }
}
