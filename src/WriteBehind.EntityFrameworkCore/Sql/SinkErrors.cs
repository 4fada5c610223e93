using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>
/// Turns whatever the driver and EF Core throw into <see cref="SinkException"/>. The messages hold no connection settings.
/// </summary>
/// <param name="type">The entity type concerned.</param>
internal sealed class SinkErrors(string type)
{
    /// <summary>The connection could not be opened: nothing ran, so no entity can be to blame, whatever the error.</summary>
    public SinkException OnOpen(Exception error) => new(
        SinkFailure.Transient,
        $"No connection to PostgreSQL for '{type}': {Say(Root(error))}",
        Find<PostgresException>(error)?.SqlState,
        type,
        cause: error);

    /// <summary>A statement failed.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="doing">What was being done: "Saving".</param>
    /// <param name="isSave">Whether it may still be at work: true for a save, where an error that the server did not give says
    /// nothing.</param>
    public SinkException OnStatement(Exception error, string doing, bool isSave)
    {
        var failure = Classify(error);
        var answer = Find<PostgresException>(error);
        var verdict = failure switch
        {
            SinkFailure.Entity => isSave ? "an entity can't be stored" : "a row can't be read",
            SinkFailure.Statement => "the statement can't run on this table",
            SinkFailure.Timeout => "it took longer than its time-out",
            SinkFailure.Held => "another transaction holds a row of it",
            SinkFailure.Contention => "another transaction was in the way",
            _ => "the database is away or busy",
        };
        return new SinkException(
            failure,
            $"{doing} '{type}' failed, {verdict}: {Say(Root(error))}",
            answer?.SqlState,
            type,
            cause: error,
            outcomeUnknown: isSave && failure == SinkFailure.Transient && answer is null);
    }

    /// <summary>The class of a failure while statements ran.</summary>
    public static SinkFailure Classify(Exception error)
    {
        // What says most comes first: the server's own word, then a value that could not be written, which the driver may wrap into
        // an error of the connection; everything else of the driver is the connection.
        if (Find<PostgresException>(error) is { } refused)
        {
            return SqlStates.Classify(refused);
        }

        if (Find<DbUpdateConcurrencyException>(error) is not null)
        {
            return SinkFailure.Contention;
        }

        if (Find<ObjectDisposedException>(error) is not null)
        {
            return SinkFailure.Transient;
        }

        return IsOfValue(error) ? SinkFailure.Entity
            : Find<NpgsqlException>(error) is not null || IsOfConnection(error) ? SinkFailure.Transient
            : SinkFailure.Entity;
    }

    private static bool IsOfValue(Exception error)
        => Find<InvalidCastException>(error) is not null
            || Find<ArgumentException>(error) is not null
            || Find<ArithmeticException>(error) is not null
            || Find<FormatException>(error) is not null
            || Find<NotSupportedException>(error) is not null;

    private static bool IsOfConnection(Exception error)
        => Find<TimeoutException>(error) is not null
            || Find<IOException>(error) is not null
            || Find<SocketException>(error) is not null
            || Find<AuthenticationException>(error) is not null
            || Find<OperationCanceledException>(error) is not null;

    private static T? Find<T>(Exception? error)
        where T : Exception
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is T found)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>The error that says most: the server's, else the innermost ("see the inner exception" helps nobody).</summary>
    private static Exception Root(Exception error) => Find<PostgresException>(error) ?? error.GetBaseException();

    private static string Say(Exception error) => error switch
    {
        PostgresException refused => $"{refused.SqlState}: {refused.MessageText}{Place(refused)}",
        OperationCanceledException => "no answer in time.",
        _ => error.Message,
    };

    private static string Place(PostgresException error)
    {
        string?[] places =
        [
            error.TableName is null ? null : $"table {error.TableName}",
            error.ColumnName is null ? null : $"column {error.ColumnName}",
            error.ConstraintName is null ? null : $"constraint {error.ConstraintName}",
        ];
        var place = string.Join(", ", places.Where(p => p is not null));
        return place.Length == 0 ? "" : $" ({place})";
    }
}

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
    /// <summary>
    /// The function of PostgreSQL that refuses rows for a row-level security policy. It shares a SQLSTATE with missing privileges.
    /// </summary>
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
        ['0', '8', ..] or ['2', '5', ..] or ['2', '8', ..] or ['3', 'D', ..] or ['5', '3', ..] or ['5', '5', ..] or ['5', '7', ..]
            or ['5', '8', ..]
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
