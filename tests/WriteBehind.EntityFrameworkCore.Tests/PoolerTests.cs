using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>PgBouncer between the sink and PostgreSQL.</summary>
public sealed class PoolerTests
{
    [Fact]
    public async Task Behind_a_pooler_in_transaction_mode_every_state_lands_where_it_belongs_with_no_setting()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = await PgBouncer.StartAsync(direct, "default_pool_size = 3");
        await using var one = new SinkHost<TestContext>(pooler.ConnectionString);
        await using var other = new SinkHost<TestContext>(pooler.ConnectionString);
        string[] types = ["chess", "go", "draughts", "shogi"];

        // Statements of the same shape, prepared in a different order: a name stands for another statement in each program.
        await Task.WhenAll(
            SaveAsync(one, types),
            SaveAsync(other, [.. types.Reverse()]));

        foreach (var type in types)
        {
            foreach (var id in Enumerable.Range(0, 30).Select(i => $"{i}"))
            {
                var row = Assert.NotNull(await owner.Sink<Game>(type).FindAsync(id));
                Assert.Equal(type, row.State.Title);
            }
        }

        Assert.Equal(types.Length * 30, await owner.ScalarAsync<long>("SELECT count(*) FROM write_behind_documents"));
    }

    [Fact]
    public async Task Behind_a_pooler_puts_deletes_loads_and_tracked_types_work()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = await PgBouncer.StartAsync(direct, "default_pool_size = 2");
        await using var host = new SinkHost<TestContext>(pooler.ConnectionString);
        var counters = host.Sink<Counter>();
        var orders = host.Sink<Order>();
        await counters.VerifyAsync(CancellationToken.None);
        await orders.VerifyAsync(CancellationToken.None);
        for (var round = 1; round <= 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
            {
                var counter = new Counter { Name = $"c{i}", Value = round };
                Assert.Equal(SaveOutcome.Applied, (await counters.PutAsync(counter.Name, round, counter)).Outcome);
                Assert.Equal(SaveOutcome.Applied, (await orders.PutAsync($"o{i}", round, new Order { Id = $"o{i}" })).Outcome);
                Assert.Equal(round, Assert.NotNull(await counters.FindAsync($"c{i}")).State.Value);
            }));
        }

        Assert.Equal(SaveOutcome.Applied, (await counters.DeleteAsync("c0", 6)).Outcome);
        Assert.Equal(7, await owner.ScalarAsync<long>("SELECT count(*) FROM counters WHERE \"Value\" = 5"));

        // Nothing of a flush stays behind on a connection that the next transaction of somebody else is given.
        await using var later = NpgsqlDataSource.Create(pooler.ConnectionString);
        await using var show = later.CreateCommand(
            "SELECT current_setting('statement_timeout') || ',' || current_setting('lock_timeout') || ',' || (SELECT count(*) FROM " +
            "pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))");
        Assert.Equal("0,0,0", await show.ExecuteScalarAsync());
    }

    [Theory]
    [InlineData("session")]
    [InlineData("transaction")]
    public async Task Statements_are_prepared_without_a_pooler_and_not_behind_one(string mode)
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = await PgBouncer.StartAsync(direct, $"pool_mode = {mode}", "default_pool_size = 1");
        await using var host = new SinkHost<TestContext>(
            new NpgsqlConnectionStringBuilder(pooler.ConnectionString) { MaxPoolSize = 1 }.ConnectionString);
        await using var near = new SinkHost<TestContext>(new NpgsqlConnectionStringBuilder(direct) { MaxPoolSize = 1 }.ConnectionString);
        foreach (var behind in new[] { host, near })
        {
            await behind.Sink<Counter>().PutAsync("a", behind == host ? 1 : 2, new Counter { Name = "a" });
        }

        const string Prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'";
        Assert.Equal(0, await host.ScalarAsync<long>(Prepared));
        Assert.Equal(1, await near.ScalarAsync<long>(Prepared));
    }

    [Fact]
    public async Task Statements_that_the_driver_prepares_by_itself_behind_a_pooler_are_refused()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = await PgBouncer.StartAsync(direct);
        await using var host = new SinkHost<TestContext>(
            new NpgsqlConnectionStringBuilder(pooler.ConnectionString) { MaxAutoPrepare = 20 }.ConnectionString);

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => host.Sink<Counter>().VerifyAsync(CancellationToken.None));

        Assert.Equal("Max Auto Prepare", error.Setting);
        Assert.Contains("pooler", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pooler_in_statement_mode_is_refused()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = await PgBouncer.StartAsync(direct, "pool_mode = statement");
        await using var host = new SinkHost<TestContext>(pooler.ConnectionString);

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => host.Sink<Counter>().VerifyAsync(CancellationToken.None));

        Assert.Contains("pool_mode", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_of_the_pooler_itself_leaves_the_outcome_of_a_save_unknown()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var proxy = TcpProxy.Start((await SharedServers.PostgresAsync()).Port);
        await using var pooler = await PgBouncer.StartAsync(PostgresServer.Through(direct, proxy.Port));
        await using var host = new SinkHost<TestContext>(pooler.ConnectionString);
        var sink = host.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter { Name = "a" });
        await using var barrier = await CommitBarrier.RaiseAsync(owner, "counters");
        var put = sink.PutAsync("b", 1, new Counter { Name = "b" });
        await barrier.WaitersAsync(1);

        // The pooler loses its server, and says so in an error of its own.
        await proxy.CutAsync();

        var error = await Assert.ThrowsAsync<SinkException>(() => put);
        Assert.Equal((SinkFailure.Transient, true, "08P01"), (error.Failure, error.OutcomeUnknown, error.Code));
        await barrier.LowerAsync();
        await Eventually.TrueAsync(
            async () => await owner.Sink<Counter>().FindAsync("b") is not null, because: "the commit goes on past the error");
    }

    [Theory]
    [InlineData("08P01", null, true)]
    [InlineData("08006", null, true)]
    [InlineData("57P01", null, true)]
    [InlineData("58000", null, true)]
    [InlineData("XX000", null, true)]
    [InlineData("53300", null, true)]
    [InlineData("57014", null, true)]
    [InlineData("08P01", "exec_bind_message", true)]
    [InlineData("57P01", "ProcessInterrupts", false)]
    [InlineData("53200", "AllocSetAlloc", false)]
    public void Only_what_the_server_itself_says_is_its_answer(string code, string? routine, bool unknown)
    {
        var said = new PostgresException("said", "FATAL", "FATAL", code, routine: routine);

        var error = new SinkErrors("test", static _ => true).OnStatement(said, "Saving", isSave: true);

        Assert.Equal((SinkFailure.Transient, unknown), (error.Failure, error.OutcomeUnknown));
    }

    [Theory]
    [InlineData("23505")]
    [InlineData("22003")]
    [InlineData("P0001")]
    public void What_only_the_server_can_know_is_its_answer_also_without_a_routine(string code)
        => Assert.Equal(SinkFailure.Entity, SqlStates.Classify(new PostgresException("said", "ERROR", "ERROR", code)));

    [Theory]
    [InlineData(null)]
    [InlineData("transaction")]
    [InlineData("session")]
    public async Task A_second_question_is_answered_by_another_backend(string? mode)
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = new SinkHost<TestContext>(direct);
        await owner.ExecuteAsync(
            """
            CREATE VIEW counters AS
            SELECT 'a'::text AS "Name", pg_backend_pid()::bigint AS "Value", false AS "Hidden", 1::bigint AS "Version"
            """);
        await using var pooler = mode is null ? null : await PgBouncer.StartAsync(direct, $"pool_mode = {mode}");
        await using var host = new SinkHost<TestContext>(pooler?.ConnectionString ?? direct);
        var sink = host.Sink<Counter>();

        for (var i = 0; i < 5; i++)
        {
            var first = Assert.NotNull(await sink.FindAsync("a")).State.Value;
            var second = (await sink.LoadAgainAsync(["a"], CancellationToken.None)).Single().State.Value;
            Assert.NotEqual(first, second);
            Assert.Equal(1, (await sink.LoadVersionsAgainAsync(["a"], CancellationToken.None)).Single().Version);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_question_is_answered_all_the_same_where_there_is_one_connection(bool behindPooler)
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var owner = await HostAsync(direct);
        await using var pooler = behindPooler ? await PgBouncer.StartAsync(direct, "default_pool_size = 1") : null;
        await using var host = new SinkHost<TestContext>(
            pooler?.ConnectionString ?? new NpgsqlConnectionStringBuilder(direct) { MaxPoolSize = 1 }.ConnectionString);
        var sink = host.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter { Name = "a", Value = 7 });

        Assert.Equal(7, Assert.NotNull(await sink.FindAsync("a")).State.Value);
        Assert.Equal(7, (await sink.LoadAgainAsync(["a"], CancellationToken.None)).Single().State.Value);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("a", 2, new Counter { Name = "a", Value = 8 })).Outcome);
    }

    private static async Task SaveAsync(SinkHost<TestContext> host, IReadOnlyList<string> types)
    {
        await Task.WhenAll(types.Select(async type =>
        {
            var sink = host.Sink<Game>(type);
            for (var i = 0; i < 30; i++)
            {
                // Both programs save the same states: the version guard makes the second one a replay.
                var result = await sink.PutAsync($"{i}", 1, new Game(type, i, []));
                Assert.True(result.Outcome is SaveOutcome.Applied or SaveOutcome.AlreadyThere, $"{type} {i}: {result}");
            }
        }));
    }

    private static async Task<SinkHost<TestContext>> HostAsync(string connectionString)
    {
        var host = new SinkHost<TestContext>(connectionString);
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        return host;
    }
}
