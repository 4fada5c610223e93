using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using StackExchange.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>An application that has its connections already hands them in, as it has set them up.</summary>
public sealed class OwnConnectionTests
{
    [Fact]
    public async Task A_connection_without_the_administrators_commands_is_shared_and_left_open()
    {
        await using var redis = await RedisServer.StartAsync();
        var own = await ConnectAsync(redis, name: "shop");
        await using var mine = own;

        await using (var engine = await TestEngine.StartAsync(new() { More = builder => builder.UseRedis(own) }))
        {
            await WorksAsync(engine);
            Assert.Empty((await engine.Engine.GetStatusAsync()).Durability.Warnings);
            Assert.Same(own, await engine.Services.GetRequiredService<IRedisConnection>().GetAsync());
            var clients = await redis.SendAsync("CLIENT", "LIST");
            Assert.Contains("name=shop ", clients, StringComparison.Ordinal);
            Assert.DoesNotContain("WriteBehind-shared@", clients, StringComparison.Ordinal);
        }

        Assert.True(own.IsConnected);
        Assert.True(await own.GetDatabase().PingAsync() > TimeSpan.Zero);
    }

    [Fact]
    public async Task A_connection_that_is_registered_with_a_key_is_used()
    {
        await using var redis = await RedisServer.StartAsync();
        var own = await ConnectAsync(redis, name: "shop");
        await using var engine = await TestEngine.StartAsync(new()
        {
            More = builder =>
            {
                builder.Services.AddKeyedSingleton<IConnectionMultiplexer>("buffer", own);
                builder.UseRegisteredRedis("buffer");
            },
        });

        await WorksAsync(engine);
        Assert.Same(own, await engine.Services.GetRequiredService<IRedisConnection>().GetAsync());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("buffer")]
    public async Task A_connection_that_is_not_registered_is_missed_by_name(string? key)
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(
            () => TestEngine.StartAsync(new() { More = builder => builder.UseRegisteredRedis(key) }));

        Assert.Contains(key ?? "IConnectionMultiplexer", error.Message, StringComparison.Ordinal);
        Assert.Contains("AddRedisClient", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_may_come_from_the_services()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            More = builder =>
            {
                builder.Services.AddSingleton(ConfigurationOptions.Parse(redis.Configuration));
                builder.UseRedis(static services => services.GetRequiredService<ConfigurationOptions>());
            },
        });

        await WorksAsync(engine);
    }

    [Fact]
    public async Task Connections_say_in_the_servers_list_who_they_are()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        await WorksAsync(engine);

        var clients = await redis.SendAsync("CLIENT", "LIST");

        Assert.Contains($"name=WriteBehind-shared@{Environment.MachineName}", clients, StringComparison.Ordinal);
        Assert.Contains($"name=WriteBehind-settle@{Environment.MachineName}", clients, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trust_that_only_a_callback_knows_holds_for_the_connections_that_are_opened_beside()
    {
        await using var redis = await TlsRedis.StartAsync();
        var options = ConfigurationOptions.Parse(redis.Configuration);
        var asked = 0;
        options.CertificateValidation += (_, shown, _, _) =>
        {
            Interlocked.Increment(ref asked);
            return shown?.GetCertHashString() == redis.CertificateHash;
        };
        await using var own = await ConnectionMultiplexer.ConnectAsync(options);

        await using var engine = await TestEngine.StartAsync(new() { More = builder => builder.UseRedis(own) });

        await WorksAsync(engine);
        Assert.InRange(asked, 2, int.MaxValue);
    }

    [Fact]
    public async Task An_application_that_may_start_without_redis_does_and_works_once_it_is_there()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.StopAsync();
        await using var engine = await TestEngine.StartAsync(
            new() { Redis = $"{redis.Configuration},abortConnect=false,connectTimeout=3000", Sweep = true });

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(1)));
        Assert.Contains("abortConnect=false", error.Message, StringComparison.Ordinal);
        Assert.False(error.OutcomeUnknown);
        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(1));
        Assert.False(report.IsClean);
        Assert.Equal(["item"], report.Uncounted);
        Assert.False((await engine.Engine.GetStatusAsync()).Durability.Reachable);

        await redis.RestartAsync();
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => engine.Items.SetAsync("a", new Item(2))) is null, because: "Redis is there");

        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).ContainsKey("a"), because: "the sweep has begun");
        Assert.True((await engine.Engine.GetStatusAsync()).Durability.Reachable);
    }

    [Fact]
    public async Task What_is_wrong_with_a_redis_that_came_late_is_told_to_every_caller()
    {
        await using var redis = await RedisServer.StartAsync();
        await using (var first = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Prefix = "late" }))
        {
            await first.Items.SetAsync("a", new Item(1));
        }

        await redis.StopAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = $"{redis.Configuration},abortConnect=false,connectTimeout=3000",
            Prefix = "late",
            Item = static item => item.Shards *= 2,
        });
        await redis.RestartAsync();

        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => engine.Items.SetAsync("a", new Item(2))) is ConfigurationException
            {
                Setting: nameof(EntityTypeOptions.Shards),
            },
            because: "the checks of the start are made up for");
    }

    [Fact]
    public async Task A_data_source_with_a_password_that_renews_is_used_as_the_application_made_it()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        var asked = 0;
        var settings = new NpgsqlConnectionStringBuilder(database) { Password = null, MaxPoolSize = 20 };
        var source = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        source.UsePasswordProvider(
            _ => throw new NotSupportedException(),
            (_, _) =>
            {
                Interlocked.Increment(ref asked);
                return ValueTask.FromResult(new NpgsqlConnectionStringBuilder(database).Password ?? "");
            });
        await using var made = source.Build();
        await new ItemTable(database).CreateAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Postgres = database,
            More = builder => builder.Services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(made)),
        });

        await WorksAsync(engine);
        Assert.InRange(asked, 1, int.MaxValue);
    }

    private static async Task WorksAsync(TestEngine engine)
    {
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.UpdateAsync("a", static item => new Item(item!.Quantity + 1));
        Assert.True((await engine.FlushAllAsync()).IsClean);
        Assert.Equal(2, (await engine.Table.RowsAsync())["a"].Quantity);
    }

    private static async Task<ConnectionMultiplexer> ConnectAsync(RedisServer redis, string name)
    {
        var options = ConfigurationOptions.Parse(redis.Configuration);
        (options.AllowAdmin, options.ClientName) = (false, name);
        return await ConnectionMultiplexer.ConnectAsync(options);
    }
}
