using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.Caching;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What the engine in memory does that a test needs and no real one can.</summary>
public sealed class InMemoryEngineTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task It_needs_no_host_and_flushes_when_it_is_told_to()
    {
        await using var services = Services();
        var items = services.GetRequiredService<IEntityStore<Item>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        await items.SetAsync("b", new Item(1));
        await items.SetAsync("a", new Item(2, "n"));
        var table = servers.Table<Item>();

        Assert.Equal([new("item", "b"), new("item", "a")], servers.Dirty);
        Assert.Equal((true, 0), (table.IsDirty("a"), table.Ids.Count));
        await servers.FlushAllAsync();

        Assert.Empty(servers.Dirty);
        Assert.Equal(["a", "b"], table.Ids);
        Assert.Equal(("item", 1, """{"Quantity":2,"Note":"n"}"""), (table.Type, table.VersionOf("a"), table.TextOf("a")));
        Assert.Equal(new Entity<Item>("b", 1, new Item(1)), table.Rows["b"]);
        Assert.Equal((null, null, null), (table["c"], table.VersionOf("c"), table.TextOf("c")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_registrations_of_an_application_stay_as_they_are_before_it_and_after_it(bool applicationFirst)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (applicationFirst)
        {
            Application(builder.Services);
        }

        builder.Services.AddWriteBehindForTests();
        if (!applicationFirst)
        {
            Application(builder.Services);
        }

        using var host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredService<IEntityStore<Item>>().SetAsync("a", new Item(1));
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        await host.StopAsync();

        Assert.Equal(HealthStatus.Healthy, health.Status);
        Assert.Equal(["a"], host.Services.GetRequiredService<InMemoryWriteBehind>().Table("item").Ids);

        static void Application(IServiceCollection services)
        {
            services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql("Host=127.0.0.1;Port=1"));
            services.AddWriteBehind().UseRedis("127.0.0.1:1").UseEntityFramework<ItemContext>().AddEntity<Item>("item");
            services.AddHealthChecks().AddWriteBehind();
        }
    }

    [Fact]
    public async Task Time_that_passes_flushes_what_is_due_and_tries_again_what_was_rejected()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var services = Services(
            item => (item.FlushDelay, item.RetryDelay, item.MaxAttempts) = (Second, Second, 3), time: time);
        var items = services.GetRequiredService<IEntityStore<Item>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        servers.Table<Item>().Reject("bad", "no");
        await items.SetAsync("bad", new Item(1));
        await items.SetAsync("a", new Item(1));
        time.Advance(Second / 2);
        await items.SetAsync("b", new Item(1));

        time.Advance(Second / 2);
        Assert.Equal(["a"], servers.Table<Item>().Ids);
        time.Advance(Second / 2);
        Assert.Equal(["a", "b"], servers.Table<Item>().Ids);

        for (var i = 0; i < 10; i++)
        {
            time.Advance(Second);
        }

        var letter = Assert.Single(await services.GetRequiredService<IWriteBehindEngine>().DeadLetters.ListAsync("item"));
        Assert.Equal(("bad", 3, "no"), (letter.Id, letter.Attempts, letter.Error));
        Assert.Empty(servers.Dirty);
    }

    [Fact]
    public async Task An_outage_ends_and_time_flushes_what_has_waited()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var services = Services(time: time);
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        await services.GetRequiredService<IEntityStore<Item>>().SetAsync("a", new Item(1));
        servers.DatabaseAway = true;
        time.Advance(TimeSpan.FromMinutes(1));
        var status = (await services.GetRequiredService<IWriteBehindEngine>().GetStatusAsync()).Types[0];
        servers.DatabaseAway = false;
        time.Advance(Second);

        Assert.Equal((1, TimeSpan.FromMinutes(1), BreakerState.Open), (status.Dirty, status.OldestDirtyAge, status.Breaker));
        Assert.Equal(["a"], servers.Table<Item>().Ids);
    }

    [Fact]
    public async Task Fences_and_kept_states_end_with_their_time()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var services = Services(
            item => (item.AfterFlush, item.CacheTtl, item.FenceTime) = (AfterFlush.Keep, Second, Second * 10), time: time);
        var items = services.GetRequiredService<IEntityStore<Item>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        await items.SetAsync("a", new Item(1));
        await items.FlushAsync("a");
        servers.Table<Item>().Put("a", new Item(2));
        servers.Table<Item>().Remove("b");

        Assert.Equal(new Item(1), (await items.GetAsync("a"))!.State);
        time.Advance(Second * 2);
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await items.GetAsync("a"));

        time.Advance(Second * 2);
        servers.Table<Item>().Remove("a");
        await Assert.ThrowsAsync<StaleRowException>(() => items.GetAsync("a"));
        time.Advance(Second * 10);
        Assert.Null(await items.GetAsync("a"));
        Assert.Equal(1, await items.SetAsync("a", new Item(1), expectedVersion: 0));
    }

    [Fact]
    public async Task A_session_older_than_a_fence_lasts_confirms_its_version()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var services = Services(time: time);
        var items = services.GetRequiredService<IEntityStore<Item>>();
        var (session, stale) = (items.OpenSession("a"), items.OpenSession("b"));
        await session.LoadAsync();
        await stale.LoadAsync();
        await session.SaveAsync(new Item(1));
        await items.SetAsync("b", new Item(1));
        await services.GetRequiredService<InMemoryWriteBehind>().FlushAllAsync();

        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(2, await session.SaveAsync(new Item(2)));
        await Assert.ThrowsAsync<WriteConflictException>(() => stale.SaveAsync(new Item(2)));
    }

    [Fact]
    public async Task A_reset_empties_everything_and_ends_all_faults()
    {
        await using var services = Services(static item => item.MaxAttempts = 1);
        var items = services.GetRequiredService<IEntityStore<Item>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        var operation = OperationId.New();
        var session = items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await items.SetAsync("row", operation, new Item(1));
        servers.Table<Item>().Reject("a");
        await servers.FlushAllAsync();
        (servers.RedisAway, servers.DatabaseAway) = (true, true);
        servers.LoseNextAnswer();

        servers.Reset();

        Assert.Null(await items.GetAsync("row"));
        Assert.Empty(await services.GetRequiredService<IWriteBehindEngine>().DeadLetters.ListAsync("item"));
        Assert.False((await items.SetAsync("row", operation, new Item(1))).IsRepeat);
        await Assert.ThrowsAsync<WriteConflictException>(() => session.SaveAsync(new Item(2)));
        await items.SetAsync("a", new Item(3));
        Assert.Equal(2, (await servers.FlushAllAsync()).Flushed);
    }

    [Fact]
    public async Task A_write_that_was_lost_on_its_way_was_not_made()
    {
        await using var services = Services();
        var items = services.GetRequiredService<IEntityStore<Item>>();
        services.GetRequiredService<InMemoryWriteBehind>().LoseNextAnswer(written: false);

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => items.SetAsync("a", new Item(1)));

        Assert.True(error.OutcomeUnknown);
        Assert.Null(await items.GetAsync("a"));
    }

    [Fact]
    public async Task A_newer_release_reads_what_an_older_one_left_and_an_older_one_does_not_read_a_newer_ones()
    {
        var servers = new InMemoryWriteBehind();
        await using var old = Services(servers: servers);
        await old.GetRequiredService<IEntityStore<Item>>().SetAsync("a", new Item(1));
        await using var release = Services(
            item =>
            {
                item.SchemaVersion = 2;
                item.Upgrades[1] = static _ => """{"Quantity":41}"""u8.ToArray();
            },
            servers);
        var items = release.GetRequiredService<IEntityStore<Item>>();

        Assert.Equal(42, (await items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 }))!.State.Quantity);
        var error = await Assert.ThrowsAsync<PayloadException>(() => old.GetRequiredService<IEntityStore<Item>>().GetAsync("a"));
        Assert.Equal(PayloadProblem.NewerSchema, error.Problem);
    }

    [Fact]
    public async Task A_state_type_that_would_not_come_back_and_a_wrong_setting_are_refused_as_ever()
    {
        var services = new ServiceCollection();
        services.AddWriteBehindForTests().AddEntity<Forgetful>("forgetful");
        await using var forgetful = services.BuildServiceProvider();
        await using var wrong = Services(static item => item.MaxDirty = 0);

        var contract = Assert.Throws<ConfigurationException>(() => forgetful.GetRequiredService<IWriteBehindEngine>());
        var setting = Assert.Throws<OptionsValidationException>(() => wrong.GetRequiredService<IWriteBehindEngine>());

        Assert.Contains("forgetful", contract.Message, StringComparison.Ordinal);
        Assert.Contains("MaxDirty of entity type 'item'", setting.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Servers_on_which_no_engine_stands_say_what_to_do()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new InMemoryWriteBehind().Table<Item>());

        Assert.Contains(nameof(WriteBehindTestingExtensions.AddWriteBehindForTests), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_in_memory_reaches_no_Redis_that_the_application_is_configured_for()
    {
        var services = new ServiceCollection();
        services.AddWriteBehind().UseRedis("redis.example.org:6379").AddEntity<Item>("item").AddCache("pages");
        services.AddWriteBehindForTests();
        await using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredKeyedService<ICache>("pages");

        await Assert.ThrowsAsync<BufferUnavailableException>(() => provider.GetRequiredService<IRedisConnection>().GetAsync());
        Assert.Equal("loaded", await cache.GetOrLoadAsync<string>("a", static _ => Task.FromResult<string?>("loaded")));
    }

    private static ServiceProvider Services(
        Action<EntityTypeOptions<Item>>? configure = null, InMemoryWriteBehind? servers = null, TimeProvider? time = null)
    {
        var services = new ServiceCollection();
        if (time is not null)
        {
            services.AddSingleton(time);
        }

        services.AddWriteBehindForTests(servers).AddEntity("item", configure);
        return services.BuildServiceProvider();
    }

    /// <summary>A state with a member that JSON does not write.</summary>
    public sealed class Forgetful
    {
        public int Written { get; set; }

#pragma warning disable CA1051 // That is what is wrong with it.
        public int Forgotten;
#pragma warning restore CA1051
    }
}
