using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>
/// What a settle transaction relies on, refused by Redis: nothing starts, as the client library would say nothing and lose writes.
/// </summary>
public sealed class RedisGuardTests
{
    [Theory]
    [InlineData("-watch", "watch")]
    [InlineData("-multi", "multi")]
    [InlineData("-exec", "exec")]
    [InlineData("-@transaction", "watch")]
    [InlineData("-hget", "hget")]
    [InlineData("-zremrangebyscore", "zremrangebyscore")]
    [InlineData("-eval -evalsha", "eval")]
    public async Task A_user_without_the_rights_that_guard_a_settle_is_refused_at_start(string taken, string named)
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.SendAsync(["ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all", .. taken.Split(' ')]);

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new() { Redis = Login(redis) }));

        Assert.Contains(named, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ACL SETUSER", error.Message, StringComparison.Ordinal);
        Assert.Equal("0", await redis.SendAsync("EXISTS", "wb:{item}:meta"));
    }

    [Theory]
    [InlineData("WATCH")]
    [InlineData("EXEC")]
    [InlineData("EVALSHA")]
    public async Task A_server_whose_command_was_renamed_is_refused_at_start(string command)
    {
        await using var redis = await RedisServer.StartAsync(new() { ExtraArguments = ["--rename-command", command, ""] });

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new() { Redis = redis.Configuration }));

        Assert.Contains(command, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("rename-command", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_is_told_not_to_send_WATCH_is_refused_at_start()
    {
        var shared = await SharedServers.RedisAsync();

        var error = await Assert.ThrowsAsync<ConfigurationException>(
            () => TestEngine.StartAsync(new() { Redis = shared.Configuration + ",$WATCH=" }));

        Assert.Contains("WATCH", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_with_just_the_rights_that_are_documented_works()
    {
        await using var redis = await RedisServer.StartAsync();
        string[] rights = ["+@read", "+@write", "+@transaction", "+@scripting", "+@pubsub", "+@connection", "+info", "+time", "+wait"];
        await redis.SendAsync(["ACL", "SETUSER", "worker", "on", ">secret", "~wb-guard:*", "&*", .. rights]);
        await using var engine = await TestEngine.StartAsync(new() { Redis = Login(redis), Prefix = "wb-guard" });

        await engine.Items.SetAsync("a", new Item(1));
        Assert.True((await engine.FlushAllAsync()).IsClean);

        Assert.Equal(1, (await engine.Table.RowsAsync())["a"].Quantity);
    }

    [Fact]
    public async Task A_right_that_is_taken_away_stops_settles_and_is_told_and_nothing_newer_is_lost()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.SendAsync("ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all");
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = Login(redis),
            More = static builder => builder.Services.AddHealthChecks().AddWriteBehind(),
        });
        await engine.Items.SetAsync("a", new Item(1));
        await redis.SendAsync("ACL", "SETUSER", "worker", "-watch");

        await Eventually.TrueAsync(async () => (await engine.Engine.GetStatusAsync()).Durability.Warnings.Any(
            static warning => warning.Contains("WATCH", StringComparison.OrdinalIgnoreCase)));

        Assert.True(engine.Log.Has(LogLevel.Critical, "What keeps acknowledged writes safe"));
        var health = await engine.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.NotEqual(HealthStatus.Healthy, health.Status);
        await Assert.ThrowsAnyAsync<WriteBehindException>(() => engine.Items.FlushAsync("a", TimeSpan.FromSeconds(2)));
        await engine.Items.SetAsync("a", new Item(2));
        Assert.Equal(1, (await engine.StatusAsync()).Dirty);

        await redis.SendAsync("ACL", "SETUSER", "worker", "+watch");
        await Eventually.TrueAsync(async () => (await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(5))).IsClean);
        Assert.Equal(2, (await engine.Table.RowsAsync())["a"].Quantity);
    }

    [Fact]
    public async Task A_settle_connection_that_was_lost_is_proved_anew_before_it_settles()
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendFsync = "always" });
        await redis.SendAsync("ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all");
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = Login(redis),

            // Only the connection itself is to notice.
            Engine = static settings => settings.WatchInterval = TimeSpan.FromHours(1),
        });
        await engine.Items.SetAsync("a", new Item(1));
        await redis.RestartAsync();

        // What is set at run time is gone with the restart: the user must be made anew, and this time without the right.
        await redis.SendAsync("ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all", "-watch");
        await Eventually.TrueAsync(async () => await ReadsAsync(engine));
        await Assert.ThrowsAnyAsync<WriteBehindException>(() => engine.Items.FlushAsync("a", TimeSpan.FromSeconds(3)));
        Assert.Equal(1, (await engine.StatusAsync()).Dirty);
        Assert.Equal(0, (await engine.StatusAsync()).Counters.Settled);
    }

    [Fact]
    public async Task Connections_that_lead_to_two_servers_while_one_takes_over_from_the_other_are_no_missing_guard()
    {
        await using var first = await RedisServer.StartAsync();
        await using var second = await RedisServer.StartAsync();
        await using var settle = await ConnectionMultiplexer.ConnectAsync(first.Configuration);
        await using var other = await ConnectionMultiplexer.ConnectAsync(second.Configuration);
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(first.Configuration)), TimeProvider.System);
        var proof = new ServerProof("wb", ["wb:{item:0}"]);

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(
            () => proof.ProveSettleAsync(redis, settle.GetDatabase(), other.GetDatabase(), CancellationToken.None));

        Assert.Contains("takes over", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transaction_that_is_tried_out_and_once_not_carried_out_is_no_missing_guard()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var link = TcpProxy.Start(redis.Port);
        link.ResponseDelay = TimeSpan.FromMilliseconds(200);
        using var monitor = await redis.MonitorAsync();
        var starting = TestEngine.StartAsync(new() { Redis = redis.ConfigurationFor(link.Port, TimeSpan.FromSeconds(15)) });

        // The transaction that must not go through has been sent; before the next one, which must, its key is another's.
        await Eventually.TrueAsync(() => starting.IsCompleted || monitor.Commands.Any(static command => command.Name == "EXEC"));
        var key = monitor.Commands.First(static command => command.Name == "WATCH").Arguments[1];
        await redis.SendAsync("HSET", key, "w", "another");
        link.ResponseDelay = TimeSpan.Zero;

        await using var engine = await starting;
        await engine.Items.SetAsync("a", new Item(1));
        Assert.Equal(new Item(1), (await engine.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task A_connection_that_is_cut_in_the_middle_of_its_proof_is_no_missing_guard()
    {
        await using var server = await RedisServer.StartAsync();
        var options = ConfigurationOptions.Parse(server.Configuration);
        await using var redis = new RedisConnections(new(options), TimeProvider.System);
        await using var settle = await ConnectionMultiplexer.ConnectAsync(options);
        await using var other = await ConnectionMultiplexer.ConnectAsync(options);

        var cut = CutAfterWatch.Wrap(settle.GetDatabase(), other.GetDatabase());
        await new ServerProof("wb", ["wb:{item}"]).ProveSettleAsync(redis, cut, other.GetDatabase(), CancellationToken.None);

        Assert.Equal(2, ((CutAfterWatch)cut).Watches);
    }

    [Fact]
    public async Task The_client_library_may_look_after_its_connection_in_the_middle_of_a_proof()
    {
        await using var server = await RedisServer.StartAsync();
        var options = ConfigurationOptions.Parse(server.Configuration);
        await using var redis = new RedisConnections(new(options), TimeProvider.System);
        await using var settle = await ConnectionMultiplexer.ConnectAsync(options);
        await using var other = await ConnectionMultiplexer.ConnectAsync(options);
        using var proved = new CancellationTokenSource();

        // It sends a PING as it does so, to which a connection within a transaction answers QUEUED.
        var looking = Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!proved.IsCancellationRequested)
            {
                await settle.ConfigureAsync(TextWriter.Null);
            }
        }));
        for (var i = 0; i < 50; i++)
        {
            await new ServerProof("wb", ["wb:{item}"]).ProveSettleAsync(
                redis, settle.GetDatabase(), other.GetDatabase(), CancellationToken.None);
        }

        await proved.CancelAsync();
        await looking;
    }

    private static async Task<bool> ReadsAsync(TestEngine engine)
    {
        try
        {
            return await engine.Items.GetAsync("a") is not null;
        }
        catch (BufferUnavailableException)
        {
            return false;
        }
    }

    private static string Login(RedisServer redis) => redis.Configuration + ",user=worker,password=secret";

    /// <summary>A connection that is closed after the first WATCH, and that the library has opened anew before what follows.</summary>
    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy derives from it.")]
    private class CutAfterWatch : DispatchProxy
    {
        private IDatabase _database = null!;
        private IDatabase _killer = null!;

        public int Watches { get; private set; }

        public static IDatabase Wrap(IDatabase database, IDatabase killer)
        {
            var wrapped = Create<IDatabase, CutAfterWatch>();
            ((CutAfterWatch)wrapped)._database = database;
            ((CutAfterWatch)wrapped)._killer = killer;
            return wrapped;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            var result = method!.Invoke(_database, arguments);
            return method.Name == nameof(IDatabase.ExecuteAsync) && arguments is ["WATCH", ..] && Watches++ == 0
                ? CutAsync((Task<RedisResult>)result!)
                : result;
        }

        private async Task<RedisResult> CutAsync(Task<RedisResult> watched)
        {
            var result = await watched;
            var id = (long)await _database.ExecuteAsync("CLIENT", "ID");
            await _killer.ExecuteAsync("CLIENT", "KILL", "ID", id);
            await Eventually.TrueAsync(async () => await IdAsync() is { } now && now != id);
            return result;
        }

        private async Task<long?> IdAsync()
        {
            try
            {
                return (long)await _database.ExecuteAsync("CLIENT", "ID");
            }
            catch (RedisException)
            {
                return null;
            }
        }
    }
}
