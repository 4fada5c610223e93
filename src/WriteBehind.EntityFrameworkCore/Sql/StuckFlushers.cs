using Npgsql;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Sql;

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
