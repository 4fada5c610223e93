using System.Globalization;
using System.Net.NetworkInformation;
using Npgsql;
using WriteBehind.Tests.Children;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.Tests.Harness;

public sealed class ServerTests
{
    [Fact]
    public async Task A_killed_redis_keeps_its_data_and_a_wiped_one_comes_back_empty()
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendFsync = "always", Password = "hard to guess" });
        await redis.SendAsync("SET", "key", "välue");

        await redis.KillAsync();
        await redis.RestartAsync();
        Assert.Equal("1", await redis.SendAsync("EXISTS", "key"));

        await redis.WipeAsync();
        Assert.Equal("0", await redis.SendAsync("EXISTS", "key"));
    }

    [Fact]
    public async Task A_frozen_redis_answers_once_it_is_thawed()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.FreezeAsync();
        var answer = redis.SendAsync("PING");
        Assert.False(answer.IsCompleted);

        await redis.ThawAsync();
        Assert.Equal("PONG", await answer.WaitAsync(Eventually.DefaultDeadline));
    }

    [Fact]
    public async Task A_killed_postgres_keeps_what_it_committed()
    {
        await using var postgres = await PostgresServer.StartAsync();
        var database = await postgres.CreateDatabaseAsync();
        await RunAsync(database, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)");

        await postgres.FreezeAsync();
        await postgres.KillAsync();
        await postgres.RestartAsync();

        Assert.Equal(1L, await RunAsync(database, "SELECT count(*) FROM kept"));
    }

    [Fact]
    public async Task Each_test_gets_an_empty_database_of_the_shared_server()
    {
        var databases = await Task.WhenAll(SharedServers.CreateDatabaseAsync(), SharedServers.CreateDatabaseAsync());
        await RunAsync(databases[0], "CREATE TABLE mine (id int)");
        Assert.Equal(0L, await RunAsync(databases[1], "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'"));
    }

    [Fact]
    public async Task No_server_outlives_a_killed_test_process()
    {
        await using var child = Program.Start<ServerHolder>();
        var line = await child.WaitForLineAsync(
            static line => line.StartsWith("ports ", StringComparison.Ordinal), TimeSpan.FromMinutes(1));
        var ports = line.Split(' ')[1..].Select(static port => int.Parse(port, CultureInfo.InvariantCulture)).ToList();
        Assert.All(ports, static port => Assert.True(Listens(port)));

        child.Kill();

        await Eventually.TrueAsync(() => !ports.Exists(Listens), because: "the watchdog ends both servers, the frozen one too");
        await Eventually.TrueAsync(
            () => Directory.GetDirectories(DataDirectory.Root, $"writebehind-*-{child.Id}-*").Length == 0,
            because: "the watchdog removes their data");
    }

    [Fact]
    public async Task A_cluster_of_three_masters_spreads_the_keys()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var refused = 0;
        foreach (var node in cluster.Nodes)
        {
            try
            {
                await node.SendAsync("SET", "key", "value");
            }
            catch (InvalidOperationException error) when (error.Message.Contains("MOVED", StringComparison.Ordinal))
            {
                refused++;
            }
        }

        Assert.Equal(2, refused);
        Assert.All(cluster.Nodes, node => Assert.Contains($"127.0.0.1:{node.Port}", cluster.Configuration, StringComparison.Ordinal));
    }

    private static bool Listens(int port)
        => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(endpoint => endpoint.Port == port);

    private static async Task<object?> RunAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
