using System.Net;
using System.Net.Http.Json;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Npgsql;
using Silo.Testing;
using WriteBehind.TestTools;

namespace AppHost.Tests;

/// <summary>The app host with the programs that are installed here.</summary>
public sealed class StartedTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task A_silo_comes_up_with_its_servers_and_what_it_acknowledges_is_in_PostgreSQL_also_what_its_grains_store()
    {
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(["--Silos=1", "--programs"]);
        await using var app = await builder.BuildAsync();
        await app.StartAsync().WaitAsync(Patience);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("silo-1").WaitAsync(Patience);

        using var silo = app.CreateHttpClient("silo-1", "http");
        using var answer = await silo.PostAsJsonAsync("/stock/85123A/restock", new { quantity = 12 });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        await using var database = NpgsqlDataSource.Create((await app.GetConnectionStringAsync("postgres"))!);
        await Eventually.TrueAsync(async () => await QueryAsync("SELECT quantity FROM shop.stock WHERE id = '85123A'") is 12L);

        // What an operator does is noted by a grain, on the storage that the app host names.
        await using var client = ChildProcess.Start(
            "dotnet",
            [Programs.Client, "--timeout", "60", "drain"],
            new Dictionary<string, string?>
            {
                ["WRITEBEHIND_REDIS"] = await app.GetConnectionStringAsync("redis"),
                ["WRITEBEHIND_CLUSTER_ID"] = "apphost",
                ["WRITEBEHIND_SERVICE_ID"] = "apphost",
            });
        Assert.Equal(0, await client.WaitForExitAsync(Patience));
        await Eventually.TrueAsync(
            async () => await QueryAsync("SELECT count(*) FROM shop.write_behind_documents WHERE type = 'grain-bookkeeping'") is 1L);

        // Before the servers: a silo that is stopped after its Redis waits for it.
        await app.ResourceCommands.ExecuteCommandAsync("silo-1", KnownResourceCommands.StopCommand).WaitAsync(Patience);

        async Task<object?> QueryAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            return await command.ExecuteScalarAsync();
        }
    }
}
