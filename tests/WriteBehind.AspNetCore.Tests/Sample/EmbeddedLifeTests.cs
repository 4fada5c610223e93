using System.Net.Http.Json;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

public sealed class EmbeddedLifeTests(SampleServers servers) : IClassFixture<SampleServers>
{
    [Fact]
    public async Task A_service_that_is_asked_to_stop_brings_what_it_acknowledged_to_postgresql_first()
    {
        await using var service = await EmbeddedService.StartAsync(servers);
        for (var i = 0; i < 20; i++)
        {
            (await service.Client.PostAsJsonAsync($"/stock/stop-{i}/movements", new { amount = 1 })).EnsureSuccessStatusCode();
        }

        service.Process.Terminate();
        Assert.Equal(0, await service.Process.WaitForExitAsync());
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal((1, 1), await servers.ReadRowAsync($"stop-{i}"));
        }
    }

    [Fact]
    public async Task A_killed_service_finds_its_table_and_its_unflushed_writes_when_it_starts_again()
    {
        await using (var first = await EmbeddedService.StartAsync(servers))
        {
            (await first.Client.PostAsJsonAsync("/stock/kill/movements", new { amount = 5 })).EnsureSuccessStatusCode();
            first.Process.Kill();
            await first.Process.WaitForExitAsync();
        }

        await using var second = await EmbeddedService.StartAsync(servers);
        await Eventually.TrueAsync(async () => await servers.ReadRowAsync("kill") == (5, 1));
    }

    [Fact]
    public async Task It_waits_for_a_database_that_is_not_up_yet()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var redis = await RedisServer.StartAsync();
        var environment = new Dictionary<string, string?>(servers.Environment)
        {
            ["WRITEBEHIND_POSTGRES"] = await postgres.CreateDatabaseAsync(),
            ["WRITEBEHIND_REDIS"] = redis.Configuration,
        };
        await postgres.StopAsync();

        var process = EmbeddedService.Launch(environment);
        await process.WaitForLineAsync(line => line.Contains("PostgreSQL is not ready yet", StringComparison.Ordinal));
        await postgres.RestartAsync();
        await using var service = await EmbeddedService.UpAsync(process);
    }
}
