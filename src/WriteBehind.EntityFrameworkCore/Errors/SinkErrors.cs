using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Errors;

/// <summary>Turns whatever the driver and EF Core throw into <see cref="SinkException"/>. The messages hold no connection settings.</summary>
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
    /// <param name="isSave">Whether it may still be at work: true for a save, where an error that the server did not give says nothing.</param>
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
