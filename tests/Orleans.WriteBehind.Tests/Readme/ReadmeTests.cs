using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orleans.TestingHost;
using WriteBehind;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Readme;

public sealed class ReadmeTests
{
    [Fact]
    public async Task The_examples_do_what_they_say()
    {
        await using var redis = await RedisServer.StartAsync();
        var postgres = await SharedServers.CreateDatabaseAsync();
        await using (var context = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(postgres).Options))
        {
            await context.Database.EnsureCreatedAsync();
        }

        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            silo.UseInMemoryReminderService();
            ReadmeSilo.ConfigureGrain(silo, redis.Configuration, postgres);
            ReadmeSilo.ConfigureStorage(silo);
        });
        await using var cluster = builder.Build();
        await cluster.DeployAsync();

        var stock = cluster.Client.GetGrain<IStockGrain>("85123A");
        await stock.Restock(100);

        // <readme:once>
        var operation = OperationId.New(); // made before the first try, and kept for all others
        var reserved = await stock.CallAsync(operation, grain => grain.Reserve(6));
        // </readme:once>

        Assert.True(reserved);
        Assert.True(await stock.CallAsync(operation, grain => grain.Reserve(6)));
        Assert.False(await stock.Reserve(95));
        await cluster.Client.GetGrain<IProfileGrain>("ada").Rename("Ada");

        await using var connection = new NpgsqlConnection(postgres);
        await connection.OpenAsync();
        await Eventually.TrueAsync(async () => await ScalarAsync("""SELECT "Quantity" FROM "Stock" WHERE "Sku" = '85123A'""") is 94L);
        await Eventually.TrueAsync(async () => await ScalarAsync("SELECT state->>'Name' FROM write_behind_documents") is "Ada");

        async Task<object?> ScalarAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync();
        }
    }
}
