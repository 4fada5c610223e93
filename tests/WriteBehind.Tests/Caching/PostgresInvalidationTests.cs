using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind.Caching;
using WriteBehind.EntityFrameworkCore;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class PostgresInvalidationTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Rows_changed_past_the_service_are_read_anew()
    {
        await using var node = await StartAsync();
        await node.PutRowAsync("a", 1, 1);
        await node.PutRowAsync("odd 'id' \"with\" \\ and ☃", 1, 1);
        await ReadAsync(node, "a", 1);
        await ReadAsync(node, "odd 'id' \"with\" \\ and ☃", 1);

        await node.Engine.Table.ExecuteAsync("UPDATE readings SET count = 2");
        await ReadAsync(node, "a", 2);
        await ReadAsync(node, "odd 'id' \"with\" \\ and ☃", 2);

        await node.Engine.Table.ExecuteAsync("DELETE FROM readings WHERE id = 'a'");
        await ReadAsync(node, "a", null);
        await node.PutRowAsync("a", 1, 3);
        await ReadAsync(node, "a", 3);
        await node.Engine.Table.ExecuteAsync("UPDATE readings SET id = 'b' WHERE id = 'a'");
        await ReadAsync(node, "a", null);
        await ReadAsync(node, "b", 3);
        await node.Engine.Table.ExecuteAsync("TRUNCATE readings");
        await ReadAsync(node, "b", null);
    }

    [Theory]
    [InlineData(900)]
    [InlineData(5_000)]
    public async Task A_statement_that_changes_many_rows_is_told_in_few_notifications(int rows)
    {
        await using var node = await StartAsync();
        await node.Engine.Table.ExecuteAsync(
            $"INSERT INTO readings (id, count, value, \"Version\") SELECT 'r' || i, 1, 0, 1 FROM generate_series(1, {rows}) AS i");
        string[] some = ["r1", "r450", $"r{rows}"];
        foreach (var id in some)
        {
            await ReadAsync(node, id, 1);
        }

        await using var connection = new NpgsqlConnection(node.Engine.Options.Postgres);
        await connection.OpenAsync();
        var heard = new List<string>();
        connection.Notification += (_, notification) => heard.Add(notification.Payload);
        await using (var listen = new NpgsqlCommand($"LISTEN \"write_behind_{node.Name}-rows\"", connection))
        {
            await listen.ExecuteNonQueryAsync();
        }

        await node.Engine.Table.ExecuteAsync("UPDATE readings SET count = 2");
        foreach (var id in some)
        {
            await ReadAsync(node, id, 2);
        }

        await using (var ask = new NpgsqlCommand("SELECT 1", connection))
        {
            await ask.ExecuteNonQueryAsync();
        }

        Assert.InRange(heard.Count, 1, 2);
        Assert.All(heard, static message => Assert.True(System.Text.Encoding.UTF8.GetByteCount(message) < 8000));
    }

    [Fact]
    public async Task A_row_without_a_key_takes_no_other_row_of_its_statement_along()
    {
        await using var node = await StartAsync();
        await node.Engine.Table.ExecuteAsync($"""
            CREATE TABLE pairs (a text, b text, n int);
            INSERT INTO pairs VALUES ('x', 'y', 1), ('x', NULL, 1), (NULL, NULL, 1), ('z', 'w', 1);
            {CacheInvalidationSql.Create("pairs", ["a", "b"], "pairs")}
            {CacheInvalidationSql.Create("singles", ["b"], "pairs")}
            """);
        await using var connection = new NpgsqlConnection(node.Engine.Options.Postgres);
        await connection.OpenAsync();
        var heard = new List<string>();
        connection.Notification += (_, notification) => heard.Add($"{notification.Channel} {notification.Payload}");
        await using (var listen = new NpgsqlCommand("LISTEN write_behind_pairs; LISTEN write_behind_singles", connection))
        {
            await listen.ExecuteNonQueryAsync();
        }

        await node.Engine.Table.ExecuteAsync("UPDATE pairs SET n = 2");
        await node.Engine.Table.ExecuteAsync("UPDATE pairs SET n = 3 WHERE b IS NULL");
        await using (var ask = new NpgsqlCommand("SELECT 1", connection))
        {
            await ask.ExecuteNonQueryAsync();
        }

        Assert.Equal(2, heard.Count);
        var all = string.Join(' ', heard);
        Assert.All(["\"x|y\"", "\"z|w\"", "\"y\"", "\"w\""], id => Assert.Contains(id, all, StringComparison.Ordinal));
        Assert.DoesNotContain("null", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transaction_that_changed_such_a_table_can_not_be_prepared_and_without_the_trigger_it_can()
    {
        await using var postgres = await PostgresServer.StartAsync(
            new() { Fsync = false, ExtraSettings = ["max_prepared_transactions=2"] });
        var database = await postgres.CreateDatabaseAsync();
        var table = new ItemTable(database);
        await table.CreateAsync();
        await table.ExecuteAsync(CacheInvalidationSql.Create("readings", ["id"], "readings"));
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        const string Change = "INSERT INTO readings VALUES ('a', 1, 1, 1)";

        await RunAsync("BEGIN");
        await RunAsync(Change);
        var error = await Assert.ThrowsAsync<PostgresException>(() => RunAsync("PREPARE TRANSACTION 'one'"));
        Assert.Equal("0A000", error.SqlState);
        Assert.Contains("NOTIFY", error.MessageText, StringComparison.Ordinal);
        Assert.Equal(0L, await table.ScalarAsync<long>("SELECT count(*) FROM readings"));

        await RunAsync("BEGIN");
        await RunAsync("SET LOCAL session_replication_role = replica");
        await RunAsync(Change);
        await RunAsync("PREPARE TRANSACTION 'two'");
        await RunAsync("COMMIT PREPARED 'two'");
        Assert.Equal(1L, await table.ScalarAsync<long>("SELECT count(*) FROM readings"));

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task After_a_gap_the_cache_is_emptied_since_nobody_knows_what_was_missed()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var node = await StartAsync(database);
        using (var counters = new CacheCounters($"{node.Name}-rows"))
        {
            await node.PutRowAsync("a", 1, 1);
            await Eventually.TrueAsync(
                () => counters[CacheDiagnostics.InvalidationsSent] == 1, Soon, "the insert was told, so what is read now stays");
        }

        await ReadAsync(node, "a", 1);
        await postgres.StopAsync();
        await Eventually.TrueAsync(() => node.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Warning, "Not listening to PostgreSQL"));
        Assert.Equal(1, (await node.Readings.GetAsync("a"))!.State.Count);
        await postgres.RestartAsync();
        NpgsqlConnection.ClearAllPools();

        // Before it listens again, so its notification is lost: the trigger is off, which makes it sure.
        await node.Engine.Table.ExecuteAsync(
            "ALTER TABLE readings DISABLE TRIGGER USER; UPDATE readings SET count = 2; ALTER TABLE readings ENABLE TRIGGER USER");
        await ReadAsync(node, "a", 2);
    }

    [Fact]
    public async Task Of_several_processes_one_listens_and_another_takes_over_when_it_stops()
    {
        await using var node = await StartAsync();
        await using var other = await CacheNode.StartAsync(
            node.Engine.Options with { More = null, Probe = null }, node.Name, more: AddListener(node.Name));
        await node.PutRowAsync("a", 1, 1);
        await ReadAsync(other, "a", 1);
        Assert.Equal(1, await node.Engine.Table.ScalarAsync<long>(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ '^(UN)?LISTEN|^SELECT 1$'
            """));

        await node.Engine.StopAsync();
        await Eventually.TrueAsync(
            () => other.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Information, "Listening to PostgreSQL"));
        await other.Engine.Table.ExecuteAsync("UPDATE readings SET count = 2");
        await ReadAsync(other, "a", 2);
    }

    [Fact]
    public async Task Keys_of_several_columns_are_told_as_their_ids()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        var table = new ItemTable(database);
        await table.ExecuteAsync("CREATE TABLE seats (region text, number int, taken bool, PRIMARY KEY (region, number));"
            + CacheInvalidationSql.Create("seats", ["region", "number"], "seats"));
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        var heard = new TaskCompletionSource<string>();
        connection.Notification += (_, notification) => heard.TrySetResult(notification.Payload);
        await using (var listen = new NpgsqlCommand("LISTEN write_behind_seats", connection))
        {
            await listen.ExecuteNonQueryAsync();
        }

        await table.ExecuteAsync(@"INSERT INTO seats VALUES ('a|b\c', 7, true)");
        await connection.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([EntityId.Compose(@"a|b\c", "7")], System.Text.Json.JsonSerializer.Deserialize<string[]>(await heard.Task)!);

        await table.ExecuteAsync(CacheInvalidationSql.Drop("seats", "seats"));
        Assert.Equal(
            0, await table.ScalarAsync<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'seats'::regclass AND NOT tgisinternal"));
    }

    private static Action<WriteBehindBuilder> AddListener(string name)
        => builder => builder.AddPostgresInvalidation<ItemContext>($"{name}-rows");

    private static async Task<CacheNode> StartAsync(string? postgres = null)
    {
        var name = SharedServers.FreshName("pages");
        if (postgres is null)
        {
            postgres = await SharedServers.CreateDatabaseAsync();
            await new ItemTable(postgres).CreateAsync();
        }

        using var context = new ItemContext(new DbContextOptionsBuilder<ItemContext>().UseNpgsql(postgres).Options);
        await new ItemTable(postgres).ExecuteAsync(CacheInvalidationSql.Create<Reading>(context.Model, $"{name}-rows"));
        var node = await CacheNode.StartAsync(new TestEngineOptions { Postgres = postgres }, name, more: AddListener(name));
        await Eventually.TrueAsync(
            () => node.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Information, "Listening to PostgreSQL"), Soon);
        return node;
    }

    private static Task ReadAsync(CacheNode node, string id, long? count)
        => Eventually.TrueAsync(async () => (await node.Readings.GetAsync(id))?.State.Count == count, Soon, $"'{id}' is read as {count}");
}
