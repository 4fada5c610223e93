using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>What PostgreSQL and the driver really throw, and what the pipeline is told of it. A database per test: some break it.</summary>
public sealed class ErrorTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly Database _database = new();

    private SinkHost<TestContext> Host => _database.Host;

    public Task InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    [Fact]
    public async Task A_unique_violation_on_another_column_is_an_entity_s_fault()
    {
        var sink = Host.Sink<Product>();
        await sink.PutAsync("1", 1, new Product { Sku = "taken" });
        var error = await AssertFailsAsync(sink, "2", new Product { Sku = "taken" }, SinkFailure.Entity, "23505");
        Assert.Contains("IX_", error.Message, StringComparison.Ordinal);
        Assert.Equal(("test", false), (error.EntityType, error.OutcomeUnknown));
        Assert.IsType<PostgresException>(error.InnerException);
    }

    [Fact]
    public async Task A_check_constraint_is_an_entity_s_fault()
        => await AssertFailsAsync(Host.Sink<Product>(), "1", new Product { Stock = -1 }, SinkFailure.Entity, "23514");

    [Fact]
    public async Task A_missing_value_is_an_entity_s_fault()
        => await AssertFailsAsync(Host.Sink<Product>(), "1", new Product { Name = null! }, SinkFailure.Entity, "23502");

    [Fact]
    public async Task A_text_that_is_too_long_is_refused_and_not_cut()
        => await AssertFailsAsync(Host.Sink<Product>(), "1", new Product { Name = new string('x', 21) }, SinkFailure.Entity, "22001");

    [Fact]
    public async Task A_number_that_is_too_large_is_an_entity_s_fault()
        => await AssertFailsAsync(
            Host.Sink<Sample>(), Guid.NewGuid().ToString(), new Sample { Amount = 1e10m }, SinkFailure.Entity, "22003");

    [Fact]
    public async Task A_NUL_in_a_text_is_an_entity_s_fault()
        => await AssertFailsAsync(Host.Sink<Product>(), "1", new Product { Name = "a\0b" }, SinkFailure.Entity, "22021");

    [Fact]
    public async Task A_NUL_in_a_jsonb_is_an_entity_s_fault()
        => await AssertFailsAsync(Host.Sink<Game>(), "1", new Game("a\0b", 1, []), SinkFailure.Entity, "22P05");

    [Fact]
    public async Task A_half_surrogate_is_an_entity_s_fault_though_the_driver_finds_it()
        => await AssertFailsAsync(Host.Sink<Product>(), "1", new Product { Name = "a\ud800b" }, SinkFailure.Entity, null);

    [Fact]
    public async Task A_local_time_in_a_utc_column_is_an_entity_s_fault_though_the_driver_finds_it()
        => await AssertFailsAsync(
            Host.Sink<Sample>(),
            Guid.NewGuid().ToString(),
            new Sample { Utc = new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Local) },
            SinkFailure.Entity,
            null);

    [Fact]
    public async Task An_error_of_a_trigger_is_an_entity_s_fault()
    {
        await Host.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON counters FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Entity, "P0001");
    }

    [Fact]
    public async Task An_error_of_the_commit_is_reported_like_any_other()
    {
        await Host.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'at the commit' USING ERRCODE = '23000'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON counters DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Entity, "23000");
    }

    [Fact]
    public async Task A_row_that_a_trigger_leaves_out_is_rejected_and_not_tried_for_ever()
    {
        await Host.ExecuteAsync("""
            CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN IF coalesce(NEW."Name", OLD."Name") = 'unwanted' THEN RETURN NULL; END IF; RETURN NEW; END $$;
            CREATE TRIGGER leave_out BEFORE INSERT ON counters FOR EACH ROW EXECUTE FUNCTION leave_out();
            """);
        var results = await Host.Sink<Counter>().SaveAsync(
            new SaveItem<Counter>("unwanted", 1, new Counter()), new SaveItem<Counter>("wanted", 1, new Counter()));
        Assert.Equal([SaveOutcome.Rejected, SaveOutcome.Applied], results.Select(result => result.Outcome));
        Assert.Contains("trigger", results[0].Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_a_policy_forbids_is_an_entity_s_fault_and_a_missing_privilege_is_not()
    {
        await Host.ExecuteAsync("""
            DROP ROLE IF EXISTS restricted;
            CREATE ROLE restricted LOGIN PASSWORD 'restricted';
            GRANT SELECT, INSERT, UPDATE, DELETE ON counters TO restricted;
            ALTER TABLE counters ENABLE ROW LEVEL SECURITY;
            CREATE POLICY small ON counters USING (true) WITH CHECK ("Value" < 10);
            """);
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = "restricted", Password = "restricted" };
        await using (var host = new SinkHost<TestContext>(settings.ConnectionString))
        {
            Assert.Equal(SaveOutcome.Applied, (await host.Sink<Counter>().PutAsync("small", 1, new Counter())).Outcome);
            await AssertFailsAsync(host.Sink<Counter>(), "large", new Counter { Value = 10 }, SinkFailure.Entity, "42501");
            await AssertFailsAsync(host.Sink<Ticket>(), "1", new Ticket(), SinkFailure.Statement, "42501");
        }

        await Host.ExecuteAsync("DROP POLICY small ON counters; DROP OWNED BY restricted; DROP ROLE restricted");
    }

    [Fact]
    public async Task A_missing_table_is_the_statement_s_fault()
    {
        await Host.ExecuteAsync("DROP TABLE counters");
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Statement, "42P01");
    }

    [Fact]
    public async Task A_missing_column_is_the_statement_s_fault()
    {
        await Host.ExecuteAsync("ALTER TABLE counters DROP COLUMN \"Hidden\"");
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Statement, "42703");
    }

    [Fact]
    public async Task A_column_of_another_type_is_the_statement_s_fault()
    {
        await Host.ExecuteAsync("ALTER TABLE counters DROP COLUMN \"Hidden\", ADD COLUMN \"Hidden\" date");
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Statement, "42804");
    }

    [Fact]
    public async Task A_key_without_a_unique_constraint_is_the_statement_s_fault()
    {
        await Host.ExecuteAsync("ALTER TABLE counters DROP CONSTRAINT \"PK_counters\"");
        await AssertFailsAsync(Host.Sink<Counter>(), "x", new Counter(), SinkFailure.Statement, "42P10");
    }

    [Fact]
    public async Task A_read_only_server_is_transient()
    {
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Options = "-c default_transaction_read_only=on" };
        await using var host = new SinkHost<TestContext>(settings.ConnectionString);
        await AssertFailsAsync(host.Sink<Counter>(), "x", new Counter(), SinkFailure.Transient, "25006");
    }

    [Fact]
    public async Task A_prepared_statement_that_a_migration_made_stale_is_replaced()
    {
        await using var host = new SinkHost<TestContext>($"{_database.ConnectionString};Maximum Pool Size=1");
        var sink = host.Sink<Ticket>();
        await sink.PutAsync("1", 1, new Ticket());
        await Host.ExecuteAsync("ALTER TABLE tickets ALTER COLUMN \"Id\" TYPE int");

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("2", 1, new Ticket())).Outcome);
    }

    [Fact]
    public async Task A_deadlock_with_somebody_else_ends_with_the_wait_for_the_row()
    {
        var sink = Host.Sink<Counter>();
        await sink.SaveAsync(new SaveItem<Counter>("a", 1, new Counter()), new SaveItem<Counter>("b", 1, new Counter()));
        await using var other = await Host.DataSource.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await ExecuteAsync(other, "SET deadlock_timeout = '1h'; UPDATE counters SET \"Value\" = 1 WHERE \"Name\" = 'b'");
        var put = sink.SaveAsync(new SaveItem<Counter>("a", 2, new Counter()), new SaveItem<Counter>("b", 2, new Counter()));
        await TestTools.Eventually.TrueAsync(
            async () => put.IsCompleted || await Host.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"));
        var theirs = ExecuteAsync(other, "UPDATE counters SET \"Value\" = 1 WHERE \"Name\" = 'a'");

        var error = await Assert.ThrowsAsync<SinkException>(() => put);
        Assert.Equal((SinkFailure.Held, "55P03"), (error.Failure, error.Code));
        await theirs;
    }

    [Fact]
    public async Task A_converter_that_fails_rejects_its_own_entity_alone()
    {
        await using var host = new SinkHost<FailingContext>(_database.ConnectionString);
        await host.ExecuteAsync("CREATE TABLE fragile (\"Id\" int PRIMARY KEY, \"Label\" text, \"Version\" bigint NOT NULL)");
        var results = await host.Sink<Fragile>().SaveAsync(
            new SaveItem<Fragile>("1", 1, new Fragile { Label = "fine" }),
            new SaveItem<Fragile>("2", 1, new Fragile { Label = FailingContext.Unconvertible }),
            new SaveItem<Fragile>("3", 1, new Fragile { Label = FailingContext.Unconvertible }),
            new SaveItem<Fragile>("4", 1, new Fragile { Label = "fine too" }));

        Assert.Equal(
            [SaveOutcome.Applied, SaveOutcome.Rejected, SaveOutcome.Rejected, SaveOutcome.Applied],
            results.Select(result => result.Outcome));
        Assert.Contains("\"Label\"", results[1].Error!.Message, StringComparison.Ordinal);
        Assert.Equal(
            ["1", "4"], (await host.Sink<Fragile>().LoadAsync(["1", "2", "3", "4"], CancellationToken.None)).Select(row => row.Id).Order());
    }

    [Fact]
    public async Task A_state_that_is_no_JSON_is_rejected_alone()
    {
        var results = await Host.Sink<Measurement>().SaveAsync(
            new SaveItem<Measurement>("bad", 1, new Measurement(double.NaN)), new SaveItem<Measurement>("good", 1, new Measurement(1)));
        Assert.Equal([SaveOutcome.Rejected, SaveOutcome.Applied], results.Select(result => result.Outcome));
    }

    [Fact]
    public async Task A_failed_batch_leaves_its_connection_fit_for_the_next()
    {
        await using var host = new SinkHost<TestContext>($"{_database.ConnectionString};Maximum Pool Size=1;Timeout=30");
        await AssertFailsAsync(host.Sink<Product>(), "1", new Product { Stock = -1 }, SinkFailure.Entity, "23514");
        await AssertFailsAsync(host.Sink<Article>(), "1", new Article { Title = "a\0b" }, SinkFailure.Entity, "22021");
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Product>().PutAsync("1", 1, new Product())).Outcome);
    }

    [Fact]
    public async Task An_exhausted_pool_is_transient()
    {
        await using var host = new SinkHost<TestContext>($"{_database.ConnectionString};Maximum Pool Size=1;Timeout=4");
        var sink = host.Sink<Counter>();
        await using var taken = await host.DataSource.OpenConnectionAsync();
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.LoadAsync(["x"], CancellationToken.None));
        Assert.Equal(SinkFailure.Transient, error.Failure);
    }

    [Theory]
    [InlineData("Password=wrong-secret", "28P01")]
    [InlineData("Username=nobody-here;Password=wrong-secret", "28P01")]
    [InlineData("Database=no_such_database", "3D000")]
    public async Task A_refused_log_in_is_transient_and_gives_no_secret_away(string settings, string code)
    {
        await using var host = new SinkHost<TestContext>($"{_database.ConnectionString};{settings}");
        var error = await Assert.ThrowsAsync<SinkException>(() => host.Sink<Counter>().ReadClockAsync(CancellationToken.None));

        Assert.Equal((SinkFailure.Transient, code, false), (error.Failure, error.Code, error.OutcomeUnknown));
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Password=", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_caller_s_cancellation_stays_what_it_is()
    {
        var sink = Host.Sink<Counter>();
        await using var other = await Host.DataSource.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await ExecuteAsync(other, "LOCK TABLE counters");
        using var cancel = new CancellationTokenSource();
        var loading = sink.LoadAsync(["x"], cancel.Token);
        await TestTools.Eventually.TrueAsync(
            async () => await Host.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"));

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loading);
    }

    [Fact]
    public async Task A_context_that_retries_by_itself_works_and_does_not_retry()
    {
        await using var host = new SinkHost<TestContext>(
            _database.ConnectionString,
            (services, source)
                => services.AddDbContext<TestContext>(options => options.UseNpgsql(source, npgsql => npgsql.EnableRetryOnFailure(3))));
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Article>().PutAsync("1", 1, new Article())).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Product>().PutAsync("1", 1, new Product())).Outcome);

        await Host.ExecuteAsync("""
            CREATE SEQUENCE tries;
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM nextval('tries'); RAISE 'busy' USING ERRCODE = '53200'; END $$;
            CREATE TRIGGER fail BEFORE INSERT ON articles FOR EACH ROW EXECUTE FUNCTION fail();
            """);
        await AssertFailsAsync(host.Sink<Article>(), "2", new Article(), SinkFailure.Statement, "53200");
        Assert.Equal(1, await Host.ScalarAsync<long>("SELECT last_value FROM tries"));
    }

    private static async Task<SinkException> AssertFailsAsync<TState>(
        IEntitySink<TState> sink, string id, TState state, SinkFailure failure, string? code)
        where TState : class
    {
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync(id, 1, state));
        Assert.Equal((failure, code), (error.Failure, error.Code));
        Assert.NotNull(error.InnerException);
        return error;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
