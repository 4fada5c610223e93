using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>
/// The statements of a flush behind their guards, sent in one round trip.
/// </summary>
/// <remarks>
/// <para>
/// A flush must not change anything once its lease has ended, or it would bring back what the next holder of the lease deleted.
/// That takes five things, in this order, and none of them may be simplified away:
/// </para>
/// <list type="number">
/// <item>
/// <b>READ COMMITTED, said explicitly.</b> Each statement then sees what was committed before it began. Under a stricter level (which
/// a server may have as its default) the snapshot would be as old as the transaction, older than the lock below.
/// </item>
/// <item>
/// <b>The time left.</b> statement_timeout is set to what is left of the lease by the database's own clock, at most the time-out
/// asked for, and anew before each statement that may wait, since it counts for each statement from its start. So a statement that
/// waits for a row ends inside the lease. lock_timeout ends such a wait much sooner: one held row must not use up the time of the
/// others, which the flush pipeline then saves without it. It also lifts synchronous_commit from "off": Redis forgets the state once the
/// flush is reported, so a commit that a crash of PostgreSQL may undo would lose it.
/// </item>
/// <item>
/// <b>The lock, in a statement of its own.</b> The deadline is checked while a statement runs, but its effect is there only with the
/// commit, and a commit may take longer than the lease (a stalled disk, a slow replica). Then: flusher A inserts version 2 within its
/// lease and its commit stalls; the lease ends; flusher B deletes with version 3, sees no row, as A's is not committed, and does not
/// wait for it, as there is nothing to wait for; A's commit finishes: the deleted row is back. So who deletes holds the table's
/// advisory lock exclusively, and who puts holds it shared, until the end of the transaction. B's delete then waits for A's commit
/// and sees its row. It must be a statement of its own because a statement's snapshot is taken before it waits.
/// </item>
/// <item>
/// <b>The deadline, checked after the lock was got.</b> Otherwise A could check it, wait for B's delete behind the lock, and insert.
/// The statements check it with clock_timestamp(), which moves; now() is the time the transaction began, however long ago that is.
/// An upsert checks it twice: for rows to insert, and once more when it has waited for a row to update.
/// </item>
/// <item>
/// <b>idle_in_transaction_session_timeout</b> (and transaction_timeout where there is one, from PostgreSQL 17), also to the time
/// left: a flusher that freezes between two statements is thrown out by the server and does not hold its locks past its lease. While a
/// statement is still being sent neither of them counts before PostgreSQL 17. There the server notices by its keepalives that a machine is
/// gone, and any other flusher that waits for the lock throws out who holds it past a lease: see <see cref="StuckFlushers"/>.
/// </item>
/// </list>
/// <para>
/// Two flushers do not deadlock: there is one advisory lock per transaction, so it is never upgraded while shared; rows are touched in
/// the order of the batch, which is sorted; and who deletes is alone.
/// </para>
/// </remarks>
internal sealed class GuardedBatch : IAsyncDisposable
{
    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    private const string Commit = "COMMIT";

    /// <summary>The first PostgreSQL that can limit a transaction as a whole.</summary>
    private static readonly Version TransactionTimeoutSince = new(17, 0);

    private static readonly string TimeLeft = TimeLeftSql(withTransactionTimeout: false);
    private static readonly string TimeLeftWithTransactionTimeout = TimeLeftSql(withTransactionTimeout: true);

    private readonly NpgsqlBatch _batch;
    private readonly FlushTerms _terms;
    private readonly bool _ownTransaction;
    private readonly string _timeLeft;
    private readonly List<Func<NpgsqlDataReader, CancellationToken, Task>?> _readers = [];

    /// <summary>Begins with the guards.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="flushLock">The lock of the table.</param>
    /// <param name="exclusive">Whether anything is deleted.</param>
    /// <param name="terms">Until when, and how long.</param>
    /// <param name="transaction">The transaction to work in; null to begin and commit one within the batch.</param>
    public GuardedBatch(
        NpgsqlConnection connection, FlushLock flushLock, bool exclusive, FlushTerms terms, NpgsqlTransaction? transaction = null)
    {
        _batch = new NpgsqlBatch(connection, transaction) { Timeout = (int)Math.Ceiling(terms.Patience.TotalSeconds) };
        _terms = terms;
        _ownTransaction = transaction is null;
        _timeLeft = connection.PostgreSqlVersion >= TransactionTimeoutSince ? TimeLeftWithTransactionTimeout : TimeLeft;
        if (_ownTransaction)
        {
            _batch.BatchCommands.Add(new NpgsqlBatchCommand(Begin));
        }

        // The lock is held through the commits of others, which may well take long; and it concerns the batch as a whole.
        AddTimeLeft(lockTimeout: 0);
        Add(new NpgsqlBatchCommand(exclusive ? flushLock.Exclusive : flushLock.Shared), null);
    }

    /// <summary>Adds a statement that may wait: the time left is set before it.</summary>
    /// <param name="statement">A statement that returns rows and checks the deadline.</param>
    /// <param name="read">Reads its rows.</param>
    public void AddGuarded(NpgsqlBatchCommand statement, Func<NpgsqlDataReader, CancellationToken, Task> read)
    {
        AddTimeLeft(_terms.LockTimeoutMilliseconds);
        Add(statement, read);
    }

    /// <summary>Sends everything, reads the rows and, where the transaction is the batch's own, commits.</summary>
    /// <param name="prepare">Whether the statements are prepared on the connection (once for each).</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async Task ExecuteAsync(bool prepare, CancellationToken cancellationToken)
    {
        if (_ownTransaction)
        {
            _batch.BatchCommands.Add(new NpgsqlBatchCommand(Commit));
        }

        if (prepare)
        {
            await _batch.PrepareAsync(cancellationToken).ConfigureAwait(false);
        }

        var reader = await _batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            foreach (var read in _readers)
            {
                if (read is not null)
                {
                    await read(reader, cancellationToken).ConfigureAwait(false);
                }

                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            }

            // The last NextResult has read the answer to the commit: an error of it was thrown there.
        }
    }

    public ValueTask DisposeAsync() => _batch.DisposeAsync();

    /// <summary>
    /// Where the lease is over nothing is cut down: the statements see that by themselves and report it, rather than time out.
    /// </summary>
    private static string TimeLeftSql(bool withTransactionTimeout) => $"""
        SELECT set_config('statement_timeout', least($1, l.ms)::text, true),
            set_config('lock_timeout', $3::text, true),
            set_config('idle_in_transaction_session_timeout', l.ms::text, true),
            set_config('tcp_keepalives_idle', '10', true),
            set_config('tcp_keepalives_interval', '5', true),
            set_config('tcp_keepalives_count', '3', true),
            {(withTransactionTimeout ? "set_config('transaction_timeout', l.ms::text, true)," : "")}
            set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), true)
        FROM (SELECT CASE WHEN $2 > clock_timestamp()
            THEN greatest(1, least(2147483647, extract(epoch FROM $2 - clock_timestamp()) * 1000))::int ELSE $1 END AS ms) AS l
        """;

    private void AddTimeLeft(int lockTimeout)
    {
        var command = new NpgsqlBatchCommand(_timeLeft);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _terms.TimeoutMilliseconds });
        command.Parameters.Add(_terms.DeadlineParameter());
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = lockTimeout });
        Add(command, null);
    }

    private void Add(NpgsqlBatchCommand statement, Func<NpgsqlDataReader, CancellationToken, Task>? read)
    {
        _batch.BatchCommands.Add(statement);
        _readers.Add(read);
    }
}

/// <summary>
/// The advisory lock of one table (of one entity type in it, for the generic table). Its first half is the table's oid, so that
/// every process means the same table, however its model spells the schema; its second half keeps it apart from the locks of others.
/// </summary>
internal sealed class FlushLock
{
    private FlushLock(string table, int part)
    {
        (Table, Part) = (table, part);
        Shared = $"SELECT pg_advisory_xact_lock_shared({table}::int4, {part})";
        Exclusive = $"SELECT pg_advisory_xact_lock({table}::int4, {part})";
    }

    /// <summary>The table's oid, as SQL writes it: the lock's first half.</summary>
    public string Table { get; }

    /// <summary>Its second half.</summary>
    public int Part { get; }

    /// <summary>For flushes that put only: any number at once.</summary>
    public string Shared { get; }

    /// <summary>For flushes that delete: alone.</summary>
    public string Exclusive { get; }

    /// <param name="table">The table as SQL writes it.</param>
    /// <param name="part">What of the table: empty for all of it.</param>
    public static FlushLock Of(string table, string part = "")
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"writebehind:{part}"));
        return new FlushLock($"{SqlName.Literal(table)}::regclass::oid", BinaryPrimitives.ReadInt32BigEndian(hash));
    }
}

/// <summary>
/// Throws out sessions that hold the lock of a table past their lease while PostgreSQL waits for them to send the rest of a statement: of a
/// process that froze, or of a connection that died without a word (a pooler or proxy in between keeps it alive for the server).
/// Nothing else ends them before PostgreSQL 17, as time-outs count for what runs and for what idles between statements. They can't save
/// anything any more: their deadline is past.
/// </summary>
/// <param name="flushLock">The lock of the table.</param>
/// <param name="lease">How long a flush may take.</param>
internal sealed class StuckFlushers(FlushLock flushLock, TimeSpan lease)
{
    private readonly string _sql = $"""
        SELECT count(pg_terminate_backend(l.pid))
        FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = {flushLock.Table} AND l.objid = {(uint)flushLock.Part}
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.granted AND a.wait_event = 'ClientRead' AND a.xact_start < clock_timestamp() - $1
        """;

    /// <summary>Looks for them and ends them; to be called where a save has waited in vain.</summary>
    public async Task ThrowOutAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(_sql, connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval });
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}

/// <summary>Until when a flush may change anything, and how long its statements may run.</summary>
/// <param name="Deadline">The end of the lease by the database's clock.</param>
/// <param name="Timeout">The statement time-out.</param>
internal readonly record struct FlushTerms(DateTimeOffset Deadline, TimeSpan Timeout)
{
    /// <summary>Whether the deadline, the one parameter, is past by the database's clock.</summary>
    public const string IsPastSql = "SELECT clock_timestamp() >= $1";

    /// <summary>
    /// How much longer than <see cref="Timeout"/> an answer is waited for. The server ends statements by itself; this only ends the
    /// wait where it can't be heard any more.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>The time-out in milliseconds, as PostgreSQL takes it: at least 1, since 0 means none.</summary>
    public int TimeoutMilliseconds => (int)Math.Clamp(Timeout.TotalMilliseconds, 1, int.MaxValue);

    /// <summary>
    /// How long a row that another transaction holds is waited for, in milliseconds. Short, since a batch in which one row is held is
    /// halved until that row is alone, and each step waits anew: all of them must fit into the lease.
    /// </summary>
    public int LockTimeoutMilliseconds => Math.Clamp(TimeoutMilliseconds / 4, 100, 500);

    /// <summary>After this the client stops waiting for an answer.</summary>
    public TimeSpan Patience => TimeSpan.FromMilliseconds(TimeoutMilliseconds) + Grace;

    /// <summary>The deadline as a parameter.</summary>
    public NpgsqlParameter DeadlineParameter()
        => new NpgsqlParameter<DateTimeOffset> { TypedValue = Deadline.ToUniversalTime(), NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
