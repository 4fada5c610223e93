using Npgsql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>
/// Holds up commits of transactions that inserted into a table: a deferred constraint trigger waits, while it commits, for a lock that
/// the test has. To the outside such a transaction looks like one whose commit the disk or a replica holds up,
/// which no lock time-out ends.
/// </summary>
internal sealed class CommitBarrier : IAsyncDisposable
{
    private const int LockKey = 4242;
    private readonly SinkHost<TestContext> _host;
    private readonly NpgsqlConnection _holder;

    private CommitBarrier(SinkHost<TestContext> host, NpgsqlConnection holder)
    {
        _host = host;
        _holder = holder;
    }

    /// <summary>Raises it before a table, named as SQL writes it.</summary>
    public static async Task<CommitBarrier> RaiseAsync(SinkHost<TestContext> host, string table)
    {
        await host.ExecuteAsync($"""
            CREATE OR REPLACE FUNCTION wait_for_barrier() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM set_config('lock_timeout', '0', true); PERFORM pg_advisory_xact_lock({LockKey}); RETURN NULL; END $$;
            DROP TRIGGER IF EXISTS barrier ON {table};
            CREATE CONSTRAINT TRIGGER barrier AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION wait_for_barrier();
            """);
        var holder = await host.DataSource.OpenConnectionAsync();
        await ExecuteAsync(holder, $"SELECT pg_advisory_lock({LockKey})");
        return new CommitBarrier(host, holder);
    }

    /// <summary>Waits until this many sessions of the database wait for a lock.</summary>
    public Task WaitersAsync(int count) => Eventually.TrueAsync(
        async () => await _host.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == count,
        because: $"{count} sessions wait for a lock");

    /// <summary>Lets the commits go on.</summary>
    public Task LowerAsync() => ExecuteAsync(_holder, $"SELECT pg_advisory_unlock({LockKey})");

    public ValueTask DisposeAsync() => _holder.DisposeAsync();

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
