using Npgsql;

namespace Proof.Verification;

/// <summary>The service's table, read from PostgreSQL without the service.</summary>
public sealed class StockTable : IAsyncDisposable
{
    /// <summary>What the service's connections call themselves, so that their end can be seen.</summary>
    private const string ServiceName = "writebehind-service";

    private static readonly TimeSpan DisconnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlDataSource _source;
    private readonly string _serviceConnection;
    private readonly string _serviceName = $"{ServiceName}-{Environment.ProcessId}";

    /// <exception cref="UsageException">The connection string can't be read.</exception>
    public StockTable(string connectionString)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = _serviceName };
            _serviceConnection = settings.ConnectionString;
            settings.ApplicationName = "writebehind-driver";
            _source = NpgsqlDataSource.Create(settings);
        }
        catch (ArgumentException)
        {
            // The message of the cause may quote the string, and with it the password.
            throw new UsageException(
                "WRITEBEHIND_POSTGRES is no Npgsql connection string. "
                    + "It looks like this: Host=localhost;Username=shop;Password=…;Database=shop");
        }
    }

    /// <summary>The connection string for the service.</summary>
    public string ServiceConnection => _serviceConnection;

    public async Task<IReadOnlyDictionary<string, StockRow>> ReadAsync(CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, StockRow>();
        await using var command = _source.CreateCommand("SELECT id, quantity, movements FROM shop.stock");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(reader.GetString(0), new(reader.GetInt64(1), reader.GetInt64(2)));
        }

        return rows;
    }

    /// <summary>
    /// How many rows were ever written to the table, as PostgreSQL itself counts. A connection adds its counts at its end, or up to
    /// ten seconds late: exact once <see cref="WaitServiceGoneAsync"/> has returned.
    /// </summary>
    public async Task<long> CountRowsWrittenAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(
            "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE schemaname = 'shop' AND relname = 'stock'");
        return await command.ExecuteScalarAsync(cancellationToken) is long rows ? rows : 0;
    }

    /// <summary>Waits until PostgreSQL has seen the last of the service's connections end.</summary>
    public async Task WaitServiceGoneAsync(CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await CountServiceConnectionsAsync(cancellationToken) > 0)
        {
            if (TimeProvider.System.GetElapsedTime(started) > DisconnectTimeout)
            {
                throw new RunFailedException(
                    $"The stopped service still has connections to PostgreSQL after {DisconnectTimeout.TotalSeconds:0} s.");
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private async Task<long> CountServiceConnectionsAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1");
        command.Parameters.AddWithValue(_serviceName);
        return await command.ExecuteScalarAsync(cancellationToken) is long connections ? connections : 0;
    }
}
