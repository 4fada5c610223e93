using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>
/// Turns whatever the driver and EF Core throw into <see cref="SinkException"/>. The messages hold no connection settings.
/// </summary>
/// <param name="type">The entity type concerned.</param>
/// <param name="isWritten">Whether flushes write the column that an error names.</param>
internal sealed class SinkErrors(string type, Func<PostgresException, bool> isWritten)
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
            SinkFailure.Statement => "PostgreSQL refuses the statement, which need not be any entity's fault",
            SinkFailure.Timeout => "it took longer than its time-out",
            SinkFailure.Held => "another transaction holds a row of it",
            SinkFailure.Contention => "another transaction was in the way",
            _ => "the database is away or busy",
        };
        return new SinkException(
            failure,
            $"{doing} '{type}' failed, {verdict}: {Say(Root(error))}{(isSave && answer is not null ? Advice(answer) : "")}",
            answer?.SqlState,
            type,
            cause: error,
            outcomeUnknown: isSave && failure == SinkFailure.Transient && (answer is null || SqlStates.SaysNothingOfCommit(answer)));
    }

    /// <summary>The class of a failure while statements ran.</summary>
    public SinkFailure Classify(Exception error)
    {
        // What says most comes first: the server's own word, then a value that could not be written, which the driver may wrap into
        // an error of the connection; everything else of the driver is the connection.
        if (Find<PostgresException>(error) is { } refused)
        {
            return IsOfUnwrittenColumn(refused) ? SinkFailure.Statement : SqlStates.Classify(refused);
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

    /// <summary>
    /// Whether a connection remembers what the database no longer has: statements that a migration or a pooler took away, types that were
    /// made anew. Not where the error comes from a function or trigger, which has statements of its own.
    /// </summary>
    public static bool IsStale(Exception error) => Find<PostgresException>(error) is { } refused && SqlStates.IsStale(refused);

    /// <summary>
    /// Whether the server is a standby, which takes no writes: with several in the connection string the next connection may be to another.
    /// </summary>
    public static bool IsOfStandby(Exception error)
        => Find<PostgresException>(error) is { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } refused
            && !SqlStates.IsOfFunction(refused);

    /// <summary>Whether it remembers types, at that.</summary>
    public static bool HasStaleTypes(Exception error)
        => Find<PostgresException>(error) is { SqlState: PostgresErrorCodes.InternalError or PostgresErrorCodes.UndefinedObject } refused
            && SqlStates.IsStale(refused);

    /// <summary>Whether the driver or EF Core could not even send it: a value that can't be written, say.</summary>
    public static bool IsOfClient(Exception error)
        => Find<PostgresException>(error) is null && (IsOfValue(error) || (Find<NpgsqlException>(error) is null && !IsOfConnection(error)));

    /// <summary>
    /// Whether the connection broke, as those do that a pool kept through a restart of the server. Not a wait that was given up.
    /// </summary>
    public static bool IsBroken(Exception error) => Find<PostgresException>(error) is { } refused
        ? SqlStates.EndsSession(refused)
        : Find<NpgsqlException>(error) is not null
            && Find<TimeoutException>(error) is null && Find<OperationCanceledException>(error) is null
            && (Find<IOException>(error) is not null || Find<SocketException>(error) is not null);

    /// <summary>
    /// Whether a value is missing in a column that no state has anything for, as one added to the table since the start: no row can be
    /// inserted, and none is to blame.
    /// </summary>
    private bool IsOfUnwrittenColumn(PostgresException error)
        => error.SqlState == PostgresErrorCodes.NotNullViolation && !isWritten(error);

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

    /// <summary>What helps, where it is not the value alone that is wrong.</summary>
    private string Advice(PostgresException error) => error.SqlState switch
    {
        _ when IsOfUnwrittenColumn(error) =>
            " No flush writes this column. Give it a default, allow NULL, or map it to a property of the state.",
        PostgresErrorCodes.UniqueViolation =>
            " If two entities exchange the value, make the constraint DEFERRABLE INITIALLY DEFERRED: it is checked at the end then.",
        PostgresErrorCodes.ForeignKeyViolation => " It is tried again until the row it refers to (or those that refer to it) are flushed.",
        _ => "",
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
/// Blame needs proof, and a SQLSTATE is none: any of them can come from one row (a trigger raises whatever it likes, a page is broken, a
/// foreign table is away), or from the state of the server. So the table says no more than where a failure may come from:
/// <list type="bullet">
/// <item>an <b>entity</b>, where by its meaning only a value can break the rule;</item>
/// <item>the server is <b>away</b> (transient), where it ended the session or does not write at all at the moment;</item>
/// <item>otherwise it is the <b>statement</b> that was refused, by a server that answers. Whose fault that is the flush pipeline finds out:
/// what fails while others pass is the entity's, and while nothing passes nobody's.</item>
/// </list>
/// </remarks>
internal static class SqlStates
{
    /// <summary>
    /// The function of PostgreSQL that refuses rows for a row-level security policy. It shares a SQLSTATE with missing privileges.
    /// </summary>
    private const string PolicyCheck = "ExecWithCheckOptions";

    public static SinkFailure Classify(PostgresException error)
        => EndsSession(error) || (IsOfPooler(error) && !SaysOfStatement(error)) ? SinkFailure.Transient : ClassifyAnswer(error);

    /// <summary>
    /// Whether the error is a pooler's own (PgBouncer's time-outs and lost servers, with 08P01 whatever the cause) and not the server's:
    /// PostgreSQL always names the routine that raised an error.
    /// </summary>
    public static bool IsOfPooler(PostgresException error) => string.IsNullOrEmpty(error.Routine);

    /// <summary>
    /// Whether a statement that was sent may still commit behind this error: what a pooler says of its own connections is no answer of the
    /// server, which goes on with what it has received.
    /// </summary>
    public static bool SaysNothingOfCommit(PostgresException error) => IsOfPooler(error) || error.SqlState is ['0', '8', ..];

    /// <summary>Data, constraints, names and triggers: what only the server can know, should it ever leave the routine out.</summary>
    private static bool SaysOfStatement(PostgresException error)
        => error.SqlState is ['2', '2', ..] or ['2', '3', ..] or ['4', '2', ..] or ['4', '4', ..] or ['5', '4', ..] or ['P', '0', ..];

    private static SinkFailure ClassifyAnswer(PostgresException error) => error.SqlState switch
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

        // A transaction that may not write (25006, on a standby after a failover), a server that stops: of our own statements it says that
        // the server is of no use now. A trigger that says so may be alone with it.
        ['2', '5', ..] or ['5', '7', 'P', ..] when !IsOfFunction(error) => SinkFailure.Transient,

        // What the code alone can't tell. Log-in and connection (28, 3D, 08), as those of a foreign server; undefined or unfit tables,
        // columns and types (42, 3F, 0A); prepared statements (26); out of resources, prerequisites, operators, system and configuration
        // errors (53, 55, 57, 58, F0); foreign tables (HV); internal errors, as of a broken page or of a type made anew (XX).
        ['0', '8' or 'A', ..] or ['2', '5' or '6' or '8', ..] or ['3', 'D' or 'F', ..] or ['4', '2', ..]
            or ['5', '3' or '5' or '7' or '8', ..] or ['F', '0', ..] or ['H', 'V', ..] or ['X', 'X', ..] => SinkFailure.Statement,

        // 22 data, 23 constraints, 44 check option, 54 too large, P0 raised by a trigger, and whatever is not known.
        _ => SinkFailure.Entity,
    };

    /// <summary>Whether the server has ended the session with it.</summary>
    public static bool EndsSession(PostgresException error) => error.InvariantSeverity is "FATAL" or "PANIC";

    /// <summary>Whether it comes from what the connection remembers: see <see cref="SinkErrors.IsStale"/>.</summary>
    public static bool IsStale(PostgresException error) => !EndsSession(error) && !IsOfFunction(error) && error.SqlState switch
    {
        // No such prepared statement, or another of that name.
        "26000" or "42P05" => true,

        // A statement whose table changed ("cached plan must not change result type").
        "0A000" => error.Routine == "RevalidateCachedQuery",

        // A type or function that was dropped and made anew, as with its extension. Internal errors are not translated.
        "XX000" => error.MessageText.Contains("cache lookup failed", StringComparison.Ordinal),
        "42704" => error.Routine is "lookup_type_cache" or "typeidType",
        _ => false,
    };

    /// <summary>Whether it was raised within a function or trigger, or a remote server's: those leave a trace of where they were.</summary>
    public static bool IsOfFunction(PostgresException error) => !string.IsNullOrEmpty(error.Where);
}
