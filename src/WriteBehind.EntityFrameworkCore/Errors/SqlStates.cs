using Npgsql;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Errors;

/// <summary>
/// What an error of PostgreSQL means for the flush pipeline, by SQLSTATE
/// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
/// </summary>
/// <remarks>
/// The rule behind the table: an entity may be blamed only where its own values can be the cause, since a blamed entity ends as a
/// dead letter; and a failure that may be one entity's fault must never count as transient, since it would hold up all others for ever.
/// What the table does not know is therefore an entity's fault: bisecting then finds out.
/// </remarks>
internal static class SqlStates
{
    /// <summary>The function of PostgreSQL that refuses rows for a row-level security policy. It shares a SQLSTATE with missing privileges.</summary>
    private const string PolicyCheck = "ExecWithCheckOptions";

    public static SinkFailure Classify(PostgresException error) => error.SqlState switch
    {
        // Serialization failure, deadlock: somebody else was in the way. Lock not available: somebody still is.
        "40001" or "40P01" => SinkFailure.Contention,
        "55P03" => SinkFailure.Held,

        // The outcome of the commit is unknown.
        "40003" => SinkFailure.Transient,

        // The statement time-out (or somebody cancelled it): the server is there, and one slow row may be the cause.
        "57014" => SinkFailure.Timeout,

        // A row that a policy forbids is the row's fault, a table that a privilege forbids is not.
        "42501" => error.Routine == PolicyCheck ? SinkFailure.Entity : SinkFailure.Statement,

        // A prepared statement whose table changed ("cached plan must not change result type") or that is gone (a pooler): the next
        // connection prepares it anew.
        "0A000" when error.Routine == "RevalidateCachedQuery" => SinkFailure.Transient,
        "26000" => SinkFailure.Transient,

        // A result that is too large for the index, the page or the statement comes from the values.
        ['5', '4', ..] => SinkFailure.Entity,

        // Connection; transaction state (25006: read-only, as on a standby after a failover; 25P03 and 25P04: thrown out for idling);
        // log-in (28) and missing database (3D): nothing ran, no entity is to blame, and a password being rotated or a database being
        // restored is over in time; out of resources; prerequisite state; operator intervention (shutdown); system and
        // configuration errors; foreign servers.
        ['0', '8', ..] or ['2', '5', ..] or ['2', '8', ..] or ['3', 'D', ..] or ['5', '3', ..] or ['5', '5', ..] or ['5', '7', ..] or ['5', '8', ..]
            or ['F', '0', ..] or ['H', 'V', ..] => SinkFailure.Transient,

        // Undefined table or column, wrong type of a column, missing unique constraint; no such schema; not supported.
        ['4', '2', ..] or ['3', 'F', ..] or ['0', 'A', ..] => SinkFailure.Statement,

        // 22 data, 23 constraints, 44 check option, P0 raised by a trigger, XX a broken page, and whatever is not known.
        _ => SinkFailure.Entity,
    };

    /// <summary>Whether the connection's prepared statements are no good any more.</summary>
    public static bool InvalidatesPreparedStatements(PostgresException error)
        => error.SqlState is "26000" || (error.SqlState is "0A000" && error.Routine == "RevalidateCachedQuery");
}
