using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans.TestingHost;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Storage;
using WriteBehind;
using WriteBehind.Testing;
using WriteBehind.TestTools;
using ShopContext = Orleans.WriteBehind.Tests.Support.ShopContext;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.InMemory;

/// <summary>Grains on an engine in memory, in Orleans' TestingHost: without Redis, PostgreSQL and reminders.</summary>
public sealed class TestClusterTests
{
    private const string Unreachable = "127.0.0.1:1";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_registrations_of_an_application_work_unchanged_before_it_and_after_it(bool applicationFirst)
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo =>
        {
            if (applicationFirst)
            {
                Application(silo);
            }

            silo.AddWriteBehindForTests(servers);
            if (!applicationFirst)
            {
                Application(silo);
            }
        });

        Assert.Equal(5, await cluster.Client.GetGrain<IStockGrain>("a").AddAsync(5));
        Assert.Equal(2, await cluster.Client.GetGrain<ICartGrain>("c").AddAsync("ada", 2));
        Assert.Equal(2, servers.Dirty.Count);
        var report = await servers.FlushAllAsync();

        Assert.Equal((2, true), (report.Flushed, report.IsClean));
        Assert.Equal(5, servers.Table<Stock>("stock")["a"]!.State.Quantity);
        var carts = servers.Table("grain-carts");
        Assert.Contains("ada", carts.TextOf(Assert.Single(carts.Ids)), StringComparison.Ordinal);

        static void Application(ISiloBuilder silo)
        {
            silo.Services.AddDbContextFactory<ShopContext>(db => db.UseNpgsql("Host=127.0.0.1;Port=1"));
            silo.AddWriteBehind(writeBehind => writeBehind
                .UseRedis(Unreachable)
                .UseEntityFramework<ShopContext>()
                .AddEntity<Stock>("stock"));
            silo.AddWriteBehindGrainStorage("carts");
        }
    }

    [Fact]
    public async Task Silos_share_what_the_servers_hold_and_a_grain_takes_its_state_along()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(2, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(1);
        var from = (await stock.InfoAsync()).Silo;

        await stock.MigrateAsync(cluster.Silos.Single(silo => silo.SiloAddress.ToString() != from).SiloAddress);
        await Eventually.TrueAsync(async () => (await stock.InfoAsync()).Silo != from);

        Assert.Equal(3, await stock.AddAsync(2));
        Assert.Equal(new EntityRef("stock", "a"), Assert.Single(servers.Dirty));
    }

    [Fact]
    public async Task What_is_acknowledged_is_there_for_the_cluster_that_comes_after()
    {
        var servers = new InMemoryWriteBehind();
        await using (var cluster = await StartAsync(1, silo => Configure(silo, servers)))
        {
            await cluster.Client.GetGrain<IStockGrain>("a").AddAsync(5);
            await cluster.Client.GetGrain<ICartGrain>("c").AddAsync("ada", 2);
        }

        await using var next = await StartAsync(1, silo => Configure(silo, servers));

        Assert.Equal(5, await next.Client.GetGrain<IStockGrain>("a").GetAsync());
        Assert.Equal(2, (await next.Client.GetGrain<ICartGrain>("c").GetAsync()).Items);
        Assert.Equal(5, servers.Table<Stock>()["a"]!.State.Quantity);
    }

    [Fact]
    public async Task A_grain_fails_as_on_real_servers_and_goes_on_when_they_are_back()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(1);

        servers.RedisAway = true;
        var away = await Assert.ThrowsAsync<BufferUnavailableException>(() => stock.AddAsync(1));
        servers.RedisAway = false;
        Assert.Equal(1, await stock.GetAsync());

        servers.LoseNextAnswer();
        var unknown = await Assert.ThrowsAsync<BufferUnavailableException>(() => stock.AddAsync(1));
        Assert.Equal(2, await stock.GetAsync());

        servers.DatabaseAway = true;
        Assert.Equal(3, await stock.AddAsync(1));
        Assert.False(await stock.FlushAsync());
        await Assert.ThrowsAsync<WriteThroughException>(() => stock.AddThroughAsync(1));
        servers.DatabaseAway = false;
        Assert.True(await stock.FlushAsync());

        Assert.Equal((false, true), (away.OutcomeUnknown, unknown.OutcomeUnknown));
        Assert.Equal(4, servers.Table<Stock>()["a"]!.State.Quantity);
    }

    [Fact]
    public async Task A_grain_gives_up_its_state_for_the_newer_row_of_another_program()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(1);
        servers.Table<Stock>().Put("a", new Stock { Quantity = 50 }, version: 9);

        Assert.Equal(new EntityRef("stock", "a"), Assert.Single((await servers.FlushAllAsync()).Rejected));

        Assert.Equal(51, await stock.AddAsync(1));
        Assert.Equal(10, (await stock.InfoAsync()).Version);
    }

    [Fact]
    public async Task What_the_database_rejects_is_a_dead_letter_that_can_be_retried()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers, static stock => stock.MaxAttempts = 1));
        var letters = cluster.Silos[0].ServiceProvider.GetRequiredService<IWriteBehindEngine>().DeadLetters;
        await cluster.Client.GetGrain<IStockGrain>("a").AddAsync(1);
        servers.Table<Stock>().Reject(static row => row.State.Quantity == 1, "too few");

        await servers.FlushAllAsync();
        Assert.Equal("too few", Assert.Single(await letters.ListAsync("stock")).Error);
        servers.Table<Stock>().AcceptAll();
        await letters.RetryAsync("stock", "a");
        await servers.FlushAllAsync();

        Assert.Equal(1, servers.Table<Stock>().VersionOf("a"));
    }

    [Fact]
    public async Task A_call_under_an_id_counts_once_also_where_its_answer_was_lost()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        var operation = OperationId.New();

        servers.LoseNextAnswer();
        Assert.Equal(5, await stock.CallAsync(operation, grain => grain.AddAsync(5)));
        Assert.Equal(5, await stock.CallAsync(operation, grain => grain.AddAsync(5)));

        Assert.Equal(5, await stock.GetAsync());
    }

    [Fact]
    public async Task A_grain_has_a_flush_timer_that_time_lets_run_out()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var servers = new InMemoryWriteBehind(time);
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(1);
        var dirty = await stock.InfoAsync();
        Assert.Equal((true, true), (dirty.IsDirty, dirty.HasTimer));

        time.Advance(TimeSpan.FromMilliseconds(900));
        Assert.NotEmpty(servers.Dirty);
        time.Advance(TimeSpan.FromMilliseconds(200));

        Assert.Empty(servers.Dirty);
        var clean = await stock.InfoAsync();
        Assert.Equal((false, false), (clean.IsDirty, clean.HasTimer));
    }

    [Fact]
    public async Task A_grain_that_is_deactivated_flushes()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(1);

        await stock.DeactivateAsync();

        await Eventually.TrueAsync(() => servers.Dirty.Count == 0);
        Assert.Equal(1, servers.Table<Stock>().VersionOf("a"));
    }

    [Fact]
    public async Task After_a_reset_grains_begin_anew()
    {
        var servers = new InMemoryWriteBehind();
        await using var cluster = await StartAsync(1, silo => Configure(silo, servers));
        var stock = cluster.Client.GetGrain<IStockGrain>("a");
        await stock.AddAsync(7);

        servers.Reset();

        await Assert.ThrowsAsync<WriteConflictException>(() => stock.AddAsync(1));
        Assert.Equal(1, await stock.AddAsync(1));
    }

    private static void Configure(ISiloBuilder silo, InMemoryWriteBehind servers, Action<EntityTypeOptions<Stock>>? configure = null)
    {
        silo.AddWriteBehindForTests(servers, writeBehind => writeBehind.AddEntity<Stock>("stock", configure));
        silo.AddWriteBehindGrainStorage("carts");
    }

    private static async Task<InProcessTestCluster> StartAsync(short silos, Action<ISiloBuilder> configure)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) => configure(silo));
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }
}
