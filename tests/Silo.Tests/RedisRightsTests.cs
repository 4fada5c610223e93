using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Silo.Testing;
using Silo.Tests.Support;
using StackExchange.Redis;

namespace Silo.Tests;

public sealed partial class RedisRightsTests(ServiceServers servers) : IClassFixture<ServiceServers>
{
    [Fact]
    public async Task A_silo_whose_redis_user_has_the_rights_that_the_page_names_writes_flushes_and_knows_the_settings()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Programs.Root, "docs", "operations.md"));
        var rights = Rights().Match(page).Groups[1].Value.Replace(">…", ">geheim", StringComparison.Ordinal).Split(' ');
        var own = servers.Environment["WRITEBEHIND_REDIS"]!;
        await using (var redis = await ConnectionMultiplexer.ConnectAsync(own))
        {
            await redis.GetDatabase().ExecuteAsync("ACL", ["SETUSER", .. rights]);
        }

        var limited = new Dictionary<string, string?> { ["WRITEBEHIND_REDIS"] = $"{own},user={rights[0]},password=geheim" };

        await using var silo = await SiloProcess.StartAsync(servers, limited);
        (await silo.Http.PostAsJsonAsync(new Uri("/stock/lamp/restock", UriKind.Relative), new { quantity = 4 })).EnsureSuccessStatusCode();
        using var flush = new HttpRequestMessage(HttpMethod.Post, "/writebehind/flush") { Headers = { { "X-WriteBehind", "1" } } };
        Assert.Contains("\"remaining\":{}", await (await silo.Http.SendAsync(flush)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(4L, await servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'lamp'"));
        await silo.Http.GetStringAsync(new Uri("/writebehind/dead-letters/stock", UriKind.Relative));
        await silo.Http.GetStringAsync(new Uri("/score/1", UriKind.Relative));
        (await silo.Http.PostAsync(new Uri("/score/1/ann/disqualify", UriKind.Relative), null)).EnsureSuccessStatusCode();
        Assert.DoesNotContain("NOPERM", string.Join('\n', silo.Process.Output.Concat(silo.Process.Errors)), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "nobody knows", await silo.Http.GetStringAsync(new Uri("/health", UriKind.Relative)), StringComparison.Ordinal);

        silo.Process.Terminate();
        Assert.Equal(0, await silo.Process.WaitForExitAsync(ClientProcess.Patience));
        Assert.Contains(silo.Process.Output, line => line.Contains("Drained: ", StringComparison.Ordinal));
    }

    [GeneratedRegex("^ACL SETUSER (.+)$", RegexOptions.Multiline)]
    private static partial Regex Rights();
}
