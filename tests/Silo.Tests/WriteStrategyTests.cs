using System.Net.Http.Json;
using Silo.Testing;

namespace Silo.Tests;

public sealed class WriteStrategyTests(ServiceServers servers) : IClassFixture<ServiceServers>
{
    [Fact]
    public async Task A_type_that_is_written_through_is_in_the_database_when_a_call_is_answered()
    {
        await using var silo = await SiloProcess.StartAsync(servers, new Dictionary<string, string?>
        {
            ["WriteBehind__Types__stock__WriteStrategy"] = "Through",
            ["WriteBehind__Types__views__WriteStrategy"] = "Through",
        });

        (await silo.Http.PostAsJsonAsync("/stock/lamp/restock", new { quantity = 5 })).EnsureSuccessStatusCode();
        (await silo.Http.PostAsJsonAsync("/stock/lamp/reserve", new { quantity = 2 })).EnsureSuccessStatusCode();
        Assert.Equal(3L, await servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'lamp'"));

        (await silo.Http.PostAsJsonAsync("/views/home", new { count = 4 })).EnsureSuccessStatusCode();
        Assert.Equal(4L, await servers.QueryAsync("SELECT count FROM shop.views WHERE page = 'home'"));
    }
}
