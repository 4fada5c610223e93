using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>The guards of a flush, each seen at work at a real server. A database per test: some of them set up triggers.</summary>
public sealed class FlushGuardTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly Database _database = new();

    private SinkHost<TestContext> Host => _database.Host;

    public Task InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    [Theory]
    [InlineData("")]
    [InlineData("-c default_transaction_isolation=repeatable\\ read")]
    [InlineData("-c default_transaction_isolation=serializable")]
    public async Task A_commit_that_comes_late_does_not_bring_back_a_deleted_row(string serverOptions)
    {
        await using var host = HostWith(serverOptions);
        await AssertDeleteWinsOverLateCommitAsync(host, host.Sink<Counter>(), "counters", "late", new Counter());
    }

    [Fact]
    public async Task A_commit_that_comes_late_does_not_bring_back_a_deleted_row_on_the_tracked_path()
        => await AssertDeleteWinsOverLateCommitAsync(Host, Host.Sink<Article>(), "articles", "1", new Article());

    [Fact]
    public async Task A_commit_that_comes_late_does_not_bring_back_a_deleted_document()
        => await AssertDeleteWinsOverLateCommitAsync(Host, Host.Sink<Game>(), "write_behind_documents", "late", new Game("late", 1, []));

    [Fact]
    public async Task Deletes_of_one_generic_type_do_not_wait_for_puts_of_another()
    {
        await using var barrier = await CommitBarrier.RaiseAsync(Host, "write_behind_documents");
        var put = Host.Sink<Game>("chess").PutAsync("a", 1, new Game("held", 1, []));
        await barrier.WaitersAsync(1);

        Assert.Equal(SaveOutcome.AlreadyThere, (await Host.Sink<Game>("go").DeleteAsync("a", 1)).Outcome);

        await barrier.LowerAsync();
        Assert.Equal(SaveOutcome.Applied, (await put).Outcome);
    }

    [Fact]
    public async Task Puts_do_not_wait_for_each_other()
    {
        await Host.Sink<Counter>().PutAsync("there", 1, new Counter());
        await using var barrier = await CommitBarrier.RaiseAsync(Host, "counters");
        var held = Host.Sink<Counter>().PutAsync("held", 1, new Counter());
        await barrier.WaitersAsync(1);

        Assert.Equal(SaveOutcome.Applied, (await Host.Sink<Counter>().PutAsync("there", 2, new Counter { Value = 2 })).Outcome);

        await barrier.LowerAsync();
        await held;
    }

    [Fact]
    public async Task A_put_that_waits_for_a_delete_past_its_deadline_changes_nothing()
    {
        var sink = Host.Sink<Counter>();
        await using var deleter = await Host.DataSource.OpenConnectionAsync();
        await using var transaction = await deleter.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand(FlushLock.Of("\"counters\"").Exclusive, deleter);
        await hold.ExecuteNonQueryAsync();

        var error = await Assert.ThrowsAsync<SinkException>(async () => await sink.SaveAsync(
            [new SaveItem<Counter>("waits", 1, new Counter())],
            await sink.DeadlineAsync(TimeSpan.FromSeconds(4)),
            TimeSpan.FromSeconds(20),
            CancellationToken.None));
        await transaction.CommitAsync();

        Assert.Equal((SinkFailure.Timeout, "57014"), (error.Failure, error.Code));
        Assert.Null(await sink.FindAsync("waits"));
    }

    [Fact]
    public async Task A_statement_gives_up_a_row_that_another_transaction_holds_well_inside_the_lease()
    {
        var sink = Host.Sink<Counter>();
        await sink.PutAsync("row", 1, new Counter());
        await using var other = await Host.DataSource.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("UPDATE counters SET \"Value\" = 9 WHERE \"Name\" = 'row'", other);
        await hold.ExecuteNonQueryAsync();

        var started = Stopwatch.GetTimestamp();
        var error = await Assert.ThrowsAsync<SinkException>(async () => await sink.SaveAsync(
            [new SaveItem<Counter>("row", 2, new Counter())],
            await sink.DeadlineAsync(TimeSpan.FromSeconds(20)),
            TimeSpan.FromSeconds(20),
            CancellationToken.None));

        Assert.Equal((SinkFailure.Held, "55P03", false), (error.Failure, error.Code, error.OutcomeUnknown));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(0.4), TimeSpan.FromSeconds(15));
    }

    [Fact]
    public async Task A_flush_that_waits_for_the_lock_of_its_table_ends_with_its_time_out()
    {
        var sink = Host.Sink<Counter>();
        await using var other = await Host.DataSource.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand(FlushLock.Of("\"counters\"").Shared, other);
        await hold.ExecuteNonQueryAsync();

        var error = await Assert.ThrowsAsync<SinkException>(async () => await sink.SaveAsync(
            [new SaveItem<Counter>("row", 2, null)],
            await sink.DeadlineAsync(TimeSpan.FromSeconds(30)),
            TimeSpan.FromMilliseconds(300),
            CancellationToken.None));

        Assert.Equal((SinkFailure.Timeout, "57014"), (error.Failure, error.Code));
        await transaction.RollbackAsync();
        Assert.Equal(SaveOutcome.AlreadyThere, (await sink.DeleteAsync("row", 2)).Outcome);
    }

    [Fact]
    public async Task A_frozen_flusher_on_the_tracked_path_is_thrown_out_when_its_lease_ends()
    {
        var freezer = new SaveChangesFreezer();
        await using var frozen = new SinkHost<TestContext>(
            _database.ConnectionString,
            (services, source) => services.AddDbContext<TestContext>(options => options.UseNpgsql(source).AddInterceptors(freezer)));
        var sink = frozen.Sink<Article>();
        var put = sink.SaveAsync(
            [new SaveItem<Article>("5", 2, new Article())],
            await sink.DeadlineAsync(TimeSpan.FromSeconds(4)),
            TimeSpan.FromSeconds(20),
            CancellationToken.None);
        await freezer.ReachedAsync();

        // It needs the lock that the frozen one holds.
        var delete = await Host.Sink<Article>().DeleteAsync("5", 3);
        freezer.Thaw();

        Assert.Equal(SaveOutcome.AlreadyThere, delete.Outcome);
        Assert.Equal(SinkFailure.Transient, (await Assert.ThrowsAsync<SinkException>(() => put)).Failure);
        Assert.Null(await Host.Sink<Article>().FindAsync("5"));
    }

    [Fact]
    public async Task Flushers_with_the_same_ids_do_not_deadlock()
    {
        var ids = Enumerable.Range(0, 100).Select(i => $"same-{i}").Order(StringComparer.Ordinal).ToArray();
        var versions = 0L;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(flusher => Task.Run(async () =>
        {
            var sink = Host.Sink<Counter>();
            for (var round = 0; round < 25; round++)
            {
                var version = Interlocked.Increment(ref versions);
                await sink.SaveAsync([.. ids.Select((id, i) =>
                    new SaveItem<Counter>(id, version, (i + round + flusher) % 10 == 0 ? null : new Counter { Value = version }))]);
            }
        })));

        var rows = await Host.Sink<Counter>().LoadAsync(ids, CancellationToken.None);
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(row.Version, row.State.Value));
    }

    [Fact]
    public async Task The_settings_of_a_flush_end_with_it()
    {
        await using var host = HostWith("", "Maximum Pool Size=1;No Reset On Close=true");
        await host.Sink<Counter>().PutAsync("settings", 1, new Counter());
        await host.Sink<Article>().PutAsync("1", 1, new Article());
        Assert.Equal(
            "0 0 0",
            await host.ScalarAsync<string>(
                """
                SELECT current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')
                    || ' ' || current_setting('lock_timeout')
                """));
    }

    [Fact]
    public async Task A_flush_waits_for_the_disk_also_where_the_server_s_default_is_not_to()
    {
        await Host.ExecuteAsync("""
            CREATE FUNCTION note_setting() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW."Subject" = current_setting('synchronous_commit'); RETURN NEW; END $$;
            CREATE TRIGGER note BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION note_setting();
            """);
        foreach (var (given, used) in ((string, string)[])[("off", "on"), ("local", "local"), ("on", "on")])
        {
            await using var host = HostWith($"-c synchronous_commit={given}");
            var sink = host.Sink<Ticket>();
            await sink.PutAsync("1", 1, new Ticket());
            Assert.Equal(used, Assert.NotNull(await sink.FindAsync("1")).State.Subject);
            await sink.DeleteAsync("1", 2);
        }
    }

    private static async Task AssertDeleteWinsOverLateCommitAsync<TState>(
        SinkHost<TestContext> host, IEntitySink<TState> sink, string table, string id, TState state)
        where TState : class
    {
        await using var barrier = await CommitBarrier.RaiseAsync(host, table);
        var put = sink.PutAsync(id, 2, state);
        await barrier.WaitersAsync(1);
        var delete = sink.DeleteAsync(id, 3);
        await barrier.WaitersAsync(2);
        Assert.False(delete.IsCompleted);

        await barrier.LowerAsync();

        Assert.Equal(SaveOutcome.Applied, (await put).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await delete).Outcome);
        Assert.Null(await sink.FindAsync(id));
    }

    private SinkHost<TestContext> HostWith(string serverOptions, string more = "")
    {
        var settings = new NpgsqlConnectionStringBuilder($"{_database.ConnectionString};{more}");
        if (serverOptions.Length > 0)
        {
            settings.Options = serverOptions;
        }

        return new SinkHost<TestContext>(settings.ConnectionString);
    }
}
