using Npgsql;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// A connection string that spreads over a primary and a standby which lags: no row is given under another version than its own, and none
/// that is older than what was settled; saves find the primary.
/// </summary>
public sealed class StandbyTests : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _started = [];
    private PostgresServer _standby = null!;
    private TestEngine _writer = null!;
    private string _hosts = null!;

    public async Task InitializeAsync()
    {
        var primary = Started(await PostgresServer.StartAsync(new() { Fsync = false }));
        var database = await primary.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        _writer = Started(await TestEngine.StartAsync(new() { Postgres = database }));
        await SaveAsync("a", 1);
        await SaveAsync("gone", 1);
        _standby = Started(await primary.StartStandbyAsync());
        _hosts = new NpgsqlConnectionStringBuilder(database)
        {
            Host = $"127.0.0.1:{primary.Port},127.0.0.1:{_standby.Port}",
            LoadBalanceHosts = true,
        }.ConnectionString;
        await OnStandbyAsync("SELECT pg_wal_replay_pause()");
        await SaveAsync("a", 2);
        await SaveAsync("new", 1);
        await _writer.Items.DeleteAsync("gone");
        await _writer.FlushAsync("gone");
    }

    public async Task DisposeAsync()
    {
        foreach (var started in Enumerable.Reverse(_started))
        {
            await started.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_the_standby_has_not_heard_of_is_a_typed_error_until_it_has()
    {
        await using var reader = await StartAsync("prefer-standby");
        string[] ids = ["a", "new", "gone"];
        await Task.WhenAll(ids.Select(id => Assert.ThrowsAsync<StaleRowException>(() => reader.Items.GetAsync(id))));

        await OnStandbyAsync("SELECT pg_wal_replay_resume()");

        await Eventually.TrueAsync(
            async () => await OrStaleAsync(() => reader.Items.GetAsync("a")) == new Entity<Item>("a", 2, new Item(2)),
            because: "the standby has it now");
        Assert.Equal(new Item(1), (await reader.Items.GetAsync("new"))!.State);
        Assert.Null(await reader.Items.GetAsync("gone"));
    }

    [Fact]
    public async Task Reads_that_go_to_either_give_the_newest_row_or_a_typed_error_and_saves_find_the_primary()
    {
        await using var either = await StartAsync("any");
        for (var i = 0; i < 6; i++)
        {
            var read = await OrStaleAsync(() => either.Items.GetAsync("a"));
            Assert.True(read is null || read == new Entity<Item>("a", 2, new Item(2)), $"{read}");
        }

        for (var quantity = 1; quantity <= 5; quantity++)
        {
            var id = $"either{quantity}";
            await _writer.Items.SetAsync(id, new Item(quantity));
            await either.FlushAsync(id);
            Assert.Equal(new ItemRow(id, 1, quantity, null), await _writer.Table.RowAsync(id));
        }

        Assert.Empty(await either.Engine.DeadLetters.ListAsync("item"));
    }

    private static async Task<Entity<Item>?> OrStaleAsync(Func<Task<Entity<Item>?>> read)
    {
        try
        {
            return await read();
        }
        catch (StaleRowException)
        {
            return null;
        }
    }

    private Task<TestEngine> StartAsync(string target)
        => TestEngine.StartAsync(_writer.Options with { Postgres = $"{_hosts};Target Session Attributes={target}" });

    private async Task SaveAsync(string id, int quantity)
    {
        await _writer.Items.SetAsync(id, new Item(quantity));
        await _writer.FlushAsync(id);
    }

    private Task OnStandbyAsync(string sql) => new ItemTable(_standby.ConnectionString).ExecuteAsync(sql);

    private T Started<T>(T server)
        where T : IAsyncDisposable
    {
        _started.Add(server);
        return server;
    }
}
