using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>
/// Knows of each connection whether a pooler (PgBouncer, say) stands between it and PostgreSQL. One in transaction mode runs every
/// transaction on another backend, and a statement that this connection prepared on one backend is, by its name, another program's
/// statement on the next: it runs without an error and writes into that program's table. So behind a pooler nothing is prepared.
/// </summary>
/// <remarks>
/// A pooler tells its clients a process id of its own making, whatever its mode; PostgreSQL tells the backend's. That is asked once for
/// each connection that is opened.
/// </remarks>
internal sealed partial class PoolerWatch(ILoggerFactory? loggers)
{
    private const int MostRemembered = 4096;
    private readonly ILogger? _logger = loggers?.CreateLogger(LogCategories.PostgresPooler);
    private readonly ConcurrentDictionary<int, bool> _between = new();
    private int _told;

    /// <summary>Whether a pooler stands before PostgreSQL on this open connection.</summary>
    public async ValueTask<bool> IsBetweenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_between.TryGetValue(connection.ProcessID, out var known))
        {
            return known;
        }

        var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
        await using (command.ConfigureAwait(false))
        {
            var between = (int)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))! != connection.ProcessID;
            if (between && Interlocked.Exchange(ref _told, 1) == 0 && _logger is not null)
            {
                Found(_logger);
            }

            if (_between.Count >= MostRemembered)
            {
                _between.Clear();
            }

            _between[connection.ProcessID] = between;
            return between;
        }
    }

    /// <summary>Refuses what can't work behind a pooler.</summary>
    /// <exception cref="ConfigurationException">
    /// The driver prepares statements by itself, or the pooler takes transactions apart.
    /// </exception>
    public async Task CheckAsync(NpgsqlConnection connection, string type, CancellationToken cancellationToken)
    {
        try
        {
            if (!await IsBetweenAsync(connection, cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            if (new NpgsqlConnectionStringBuilder(connection.ConnectionString).MaxAutoPrepare > 0)
            {
                throw new ConfigurationException(
                    "Max Auto Prepare",
                    $"Entity type '{type}': a pooler stands before PostgreSQL, and the connection string has Max Auto Prepare. " +
                    "Statements that are prepared behind a pooler may be another program's statements of the same name, and write into " +
                    "its tables. Take Max Auto Prepare out.",
                    type);
            }

            // In two round trips: what is sent in one, as the bulk statements are, passes a pooler that takes everything else apart.
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var command = new NpgsqlCommand("SELECT 1", connection, transaction);
                await using (command.ConfigureAwait(false))
                {
                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }

                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (PostgresException e) when (SqlStates.IsOfPooler(e) && e.MessageText.Contains("statement pooling", StringComparison.Ordinal))
        {
            throw new ConfigurationException(
                "pool_mode",
                $"Entity type '{type}': the pooler before PostgreSQL works statement by statement, and a flush is one transaction. Set " +
                "its pool_mode to transaction or session.",
                type,
                e);
        }
    }

    [LoggerMessage(
        1,
        LogLevel.Information,
        "A pooler stands before PostgreSQL (the connection's process id is not its backend's), so no statements are prepared.")]
    private static partial void Found(ILogger logger);
}
