using Npgsql;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Sql;

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
