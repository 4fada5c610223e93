using Npgsql;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>Two services that share a Redis and a prefix by mistake.</summary>
public sealed class DatabaseOwnershipTests
{
    [Fact]
    public async Task A_second_service_with_the_same_prefix_and_another_database_is_refused()
    {
        await using var first = await TestEngine.StartAsync();
        await first.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(first.Options with { Postgres = null }));

        Assert.Equal(nameof(WriteBehindOptions.KeyPrefix), error.Setting);
        Assert.Contains($"\"{Database(first.Options.Postgres!)}\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("but this process saves to", error.Message, StringComparison.Ordinal);
        Assert.Contains("HDEL", error.Message, StringComparison.Ordinal);
        Assert.True((await first.FlushAllAsync()).IsClean);
        Assert.Equal(1, (await first.Table.RowsAsync())["a"].Quantity);
    }

    [Fact]
    public async Task Two_schemas_of_one_database_are_two_places()
    {
        await using var first = await TestEngine.StartAsync();
        await first.Table.ExecuteAsync("CREATE SCHEMA other; CREATE TABLE other.items (LIKE public.items INCLUDING ALL)");

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(first.Options with
        {
            Postgres = new NpgsqlConnectionStringBuilder(first.Options.Postgres) { SearchPath = "other" }.ConnectionString,
        }));

        Assert.Contains("schema \"other\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("schema \"public\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Processes_of_one_service_share_it_also_under_a_new_name_of_the_database()
    {
        await using var first = await TestEngine.StartAsync();
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.StopAsync();
        await second.StopAsync();
        NpgsqlConnection.ClearAllPools();
        var renamed = new NpgsqlConnectionStringBuilder(first.Options.Postgres) { Database = SharedServers.FreshName("renamed_") };
        await using (var admin = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(first.Options.Postgres) { Database = "postgres" }.ConnectionString))
        {
            await using var rename = admin.CreateCommand(
                $"ALTER DATABASE {Database(first.Options.Postgres!)} RENAME TO {renamed.Database}");
            await rename.ExecuteNonQueryAsync();
        }

        await using var third = await TestEngine.StartAsync(first.Options with { Postgres = renamed.ConnectionString });

        await third.Items.SetAsync("a", new Item(1));
        Assert.True((await third.FlushAllAsync()).IsClean);
    }

    [Fact]
    public async Task A_database_that_was_moved_on_purpose_is_accepted_once_the_record_is_taken_out()
    {
        var redis = await SharedServers.RedisAsync();
        await using var first = await TestEngine.StartAsync();
        await first.StopAsync();
        Assert.Equal("2", await redis.SendAsync("HDEL", $"{first.Options.Prefix}:{{item}}:meta", "database", "databaseName"));

        await using var moved = await TestEngine.StartAsync(first.Options with { Postgres = null });

        await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(first.Options));
    }

    [Fact]
    public async Task Where_the_database_was_away_at_the_start_the_wrong_one_is_refused_before_the_first_save()
    {
        await using var first = await TestEngine.StartAsync();
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var other = await postgres.CreateDatabaseAsync();
        await new ItemTable(other).CreateAsync();
        await postgres.StopAsync();
        await using var second = await TestEngine.StartAsync(first.Options with { Postgres = other, Sweep = true });
        await first.Items.SetAsync("a", new Item(1));
        await postgres.RestartAsync();

        await Eventually.TrueAsync(
            async () => (await second.StatusAsync()).LastError?.Contains("KeyPrefix", StringComparison.Ordinal) == true);

        Assert.Empty(await new ItemTable(other).RowsAsync());
        Assert.True((await first.FlushAllAsync()).IsClean);
    }

    private static string Database(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Database!;
}
