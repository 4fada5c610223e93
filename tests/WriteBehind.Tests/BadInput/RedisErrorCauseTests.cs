using System.Diagnostics;
using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

/// <summary>What an error says is what is wrong, and not something that looks like it.</summary>
public sealed class RedisErrorCauseTests
{
    private const string Password = "the-first-secret";

    private static readonly Action<WriteBehindOptions> Impatient = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_failed_tls_handshake_is_no_wrong_password()
    {
        await using var redis = await TlsRedis.StartAsync();

        var untrusted = await StartAsync($"{redis.Configuration},connectTimeout=2000,connectRetry=1");
        Assert.Contains("TLS handshake failed", untrusted.Message, StringComparison.Ordinal);
        Assert.Contains("certificate", untrusted.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("password", untrusted.Message, StringComparison.Ordinal);

        var plain = await StartAsync($"127.0.0.1:{redis.Server.Port},ssl=true,connectTimeout=2000,connectRetry=1");
        Assert.Contains("TLS", plain.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("password", plain.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_that_was_changed_is_said_by_a_running_engine()
    {
        await using var redis = await RedisServer.StartAsync(new() { Password = Password });
        await using var proxy = TcpProxy.Start(redis.Port);
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.ConfigurationFor(proxy.Port), Engine = Impatient });
        await engine.Items.SetAsync("a", new Item(1));

        await redis.SendAsync("CONFIG", "SET", "requirepass", "the-second-secret");
        await proxy.CutAsync();

        await SaysAsync(engine, "refuses the user name or password");
    }

    [Fact]
    public async Task A_permission_that_is_refused_inside_a_script_is_said_to_be_one_and_known_to_be_refused()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Engine = Impatient });
        await engine.Items.SetAsync("a", new Item(1));

        await redis.SendAsync("ACL", "SETUSER", "default", "-zadd");
        var inside = await SaysAsync(engine, "lacks a permission");
        Assert.Contains("ZADD", inside.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("did not say", inside.Message, StringComparison.Ordinal);

        await redis.SendAsync("ACL", "SETUSER", "default", "+zadd", "-evalsha", "-eval");
        var whole = await SaysAsync(engine, "lacks a permission");
        Assert.Contains("Nothing was written", whole.Message, StringComparison.Ordinal);
        await redis.SendAsync("ACL", "SETUSER", "default", "+@all");
    }

    [Theory]
    [InlineData("exec", "lacks a permission", false)]
    [InlineData("hset", "lacks a permission", false)]
    [InlineData("multi", "lacks the permission", true)]
    public async Task A_transaction_that_a_permission_stops_is_not_put_down_to_memory_alone(string command, string words, bool isUnknown)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        await redis.SendAsync("ACL", "SETUSER", "default", $"-{command}");
        var transaction = connection.GetDatabase().CreateTransaction();
        transaction.AddCondition(Condition.KeyNotExists("other"));
        _ = transaction.HashSetAsync("key", "field", "value", When.Always, CommandFlags.FireAndForget);

        var error = RedisErrors.Translate((await Record.ExceptionAsync(() => transaction.ExecuteAsync()))!, connection);

        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Equal(isUnknown, error.OutcomeUnknown);
    }

    [Fact]
    public async Task A_renamed_command_is_named_and_not_called_an_old_redis()
    {
        await using var redis = await RedisServer.StartAsync(new() { ExtraArguments = ["--rename-command", "TIME", "SOMETHING"] });

        var error = await Assert.ThrowsAnyAsync<WriteBehindException>(async () =>
        {
            await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Engine = Impatient });
            await engine.Items.SetAsync("a", new Item(1));
        });

        Assert.Contains("TIME", error.Message, StringComparison.Ordinal);
        Assert.Contains("renamed", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("old", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_for_replicas_that_is_refused_is_told_at_start_and_later()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = redis.Port });
        await IsLinkedAsync(replica);
        var options = new TestEngineOptions
        {
            Redis = redis.Configuration,
            Engine = static engine => (engine.ReplicaAcknowledgements, engine.WriteTimeout) = (1, TimeSpan.FromSeconds(1)),
        };
        await using (var engine = await TestEngine.StartAsync(options))
        {
            await engine.Items.SetAsync("a", new Item(1));
            await redis.SendAsync("ACL", "SETUSER", "default", "-wait");
            var later = await SaysAsync(engine, "refuses to wait");
            Assert.True(later.OutcomeUnknown);
            Assert.DoesNotContain("did not say", later.Message, StringComparison.Ordinal);
        }

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(options));
        Assert.Equal("ReplicaAcknowledgements", error.Setting);
    }

    [Fact]
    public async Task Switched_roles_are_noticed_within_seconds_and_writes_go_on_at_the_new_master()
    {
        await using var first = await RedisServer.StartAsync(new() { ExtraArguments = ["--repl-diskless-sync-delay", "0"] });
        await using var second = await RedisServer.StartAsync(
            new() { ReplicaOf = first.Port, ExtraArguments = ["--repl-diskless-sync-delay", "0"] });
        await IsLinkedAsync(second);
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = $"127.0.0.1:{first.Port},{second.Configuration}",
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(40),
        });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        await second.SendAsync("REPLICAOF", "NO", "ONE");
        await first.SendAsync("REPLICAOF", "127.0.0.1", second.Port.ToString(CultureInfo.InvariantCulture));
        var started = Stopwatch.GetTimestamp();
        await engine.Items.SetAsync("a", new Item(2));
        await engine.FlushAsync("a");

        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 30);
        Assert.Equal(2, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public void A_read_only_replica_is_explained_by_its_role_and_a_refused_exec_by_its_reason()
    {
        var readOnly = Translate("READONLY You can't write against a read only replica.");
        Assert.Contains("roles were switched", readOnly.Message, StringComparison.Ordinal);

        Assert.Contains("maxmemory", Abort("OOM command not allowed").Message, StringComparison.Ordinal);
        Assert.Contains("disk", Abort("MISCONF Errors writing").Message, StringComparison.Ordinal);
        Assert.Contains("replicas", Abort("NOREPLICAS Not enough").Message, StringComparison.Ordinal);

        var unknown = Translate("ERR unknown command 'WAIT', with args beginning with: '1'");
        Assert.Contains("renamed", unknown.Message, StringComparison.Ordinal);
        Assert.False(unknown.OutcomeUnknown);

        static BufferUnavailableException Abort(string reason) => Translate($"EXECABORT Transaction discarded because of: {reason}");

        static BufferUnavailableException Translate(string answer) => RedisErrors.Translate(new RedisServerException(answer));
    }

    /// <summary>Writes until the error says it. (The first errors after a cut may be of the cut itself.)</summary>
    private static async Task<BufferUnavailableException> SaysAsync(TestEngine engine, string words)
    {
        BufferUnavailableException? error = null;
        await Eventually.TrueAsync(
            async () =>
            {
                error = await Record.ExceptionAsync(() => engine.Items.SetAsync("b", new Item(2))) as BufferUnavailableException;
                return error?.Message.Contains(words, StringComparison.Ordinal) == true;
            },
            because: $"an error says '{words}'");
        return error!;
    }

    private static async Task<BufferUnavailableException> StartAsync(string configuration)
        => await Assert.ThrowsAsync<BufferUnavailableException>(() => TestEngine.StartAsync(new() { Redis = configuration }));

    private static Task IsLinkedAsync(RedisServer replica) => Eventually.TrueAsync(
        async () => (await replica.SendAsync("INFO", "replication"))!.Contains("master_link_status:up", StringComparison.Ordinal));
}
