using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>Nothing is written before the checks of the start have passed, and nothing after they failed.</summary>
public sealed class AdmissionTests
{
    [Fact]
    public async Task An_engine_that_was_not_started_writes_nothing()
    {
        var redis = await RedisServer.StartAsync();
        await using var server = redis;
        await using var services = await ServicesAsync(redis.Configuration, "early");
        var items = services.GetRequiredService<IWriteBehindEngine>().Store<Item>("item");

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => items.SetAsync("a", new Item(1)));

        Assert.False(error.OutcomeUnknown);
        Assert.Contains("has not started", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<BufferUnavailableException>(() => items.GetAsync("a"));
        await Assert.ThrowsAsync<BufferUnavailableException>(() => items.GetManyAsync(["a", "b"]));
        await Assert.ThrowsAsync<BufferUnavailableException>(() => items.DeleteAsync("a"));
        Assert.Equal("0", await redis.SendAsync("DBSIZE"));
    }

    [Fact]
    public async Task An_engine_whose_start_was_refused_acknowledges_nothing()
    {
        await using var first = await TestEngine.StartAsync(new() { Item = static item => item.Shards = 4 });
        await first.Items.SetAsync("a", new Item(1));
        await using var services = await ServicesAsync(
            first.Options.Redis!, first.Options.Prefix!, first.Options.Postgres, static item => item.Shards = 8);
        var hosted = services.GetServices<IHostedService>().Single();
        await Assert.ThrowsAsync<ConfigurationException>(() => hosted.StartAsync(CancellationToken.None));
        var items = services.GetRequiredService<IWriteBehindEngine>().Store<Item>("item");

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => items.SetAsync("a", new Item(2)));

        Assert.Equal(nameof(EntityTypeOptions.Shards), error.Setting);
        await Assert.ThrowsAsync<ConfigurationException>(() => items.GetAsync("a"));
        await Assert.ThrowsAsync<ConfigurationException>(() => items.UpdateAsync("a", static item => item));
        await Assert.ThrowsAsync<ConfigurationException>(
            () => services.GetRequiredService<IWriteBehindEngine>().DeadLetters.RetryAsync("item", "a"));
        Assert.Equal(1, (await first.StatusAsync()).Dirty);
        Assert.Equal(1, (await first.Items.GetAsync("a"))!.State.Quantity);
    }

    [Fact]
    public async Task A_table_is_verified_before_the_first_save_where_the_database_was_away_at_the_start()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        var table = new ItemTable(database);
        await table.CreateAsync();
        var before = await TestEngine.StartAsync(new() { Postgres = database });
        await before.Items.SetAsync("a", new Item(1));
        await before.DisposeAsync();
        await table.ExecuteAsync("ALTER TABLE items DROP COLUMN note");
        await postgres.StopAsync();
        await using var engine = await TestEngine.StartAsync(before.Options with { Sweep = true });
        await postgres.RestartAsync();

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).LastError?.Contains("note", StringComparison.Ordinal) == true);

        var status = await engine.StatusAsync();
        Assert.Equal((1, 0, 0), (status.Dirty, status.DeadLetters, status.Counters.Batches));
        Assert.True(engine.Log.Has(LogLevel.Critical, "can't be saved as it is configured"));
        await table.ExecuteAsync("ALTER TABLE items ADD COLUMN note varchar(20)");
        await Eventually.TrueAsync(async () => (await table.RowsAsync()).ContainsKey("a"), because: "it is saved once the table is mended");
    }

    private static async Task<ServiceProvider> ServicesAsync(
        string redis, string prefix, string? postgres = null, Action<EntityTypeOptions<Item>>? configure = null)
    {
        postgres ??= await SharedServers.CreateDatabaseAsync();
        var services = new ServiceCollection();
        services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(postgres));
        services.AddWriteBehind(settings => settings.KeyPrefix = prefix)
            .UseRedis(redis)
            .UseEntityFramework<ItemContext>()
            .AddEntity<Item>("item", configure);
        return services.BuildServiceProvider();
    }
}
