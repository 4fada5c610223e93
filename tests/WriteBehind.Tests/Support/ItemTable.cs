using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace WriteBehind.Tests.Support;

/// <summary>Looks at the table from outside, past the engine and EF Core.</summary>
public sealed class ItemTable(string connectionString)
{
    /// <summary>Creates the tables as <see cref="ItemContext"/> maps them.</summary>
    public Task CreateAsync() => ExecuteAsync(
        WriteBehindDocumentsExtensions.CreateTableSql() +
        """
        CREATE TABLE IF NOT EXISTS items (
          id text PRIMARY KEY,
          quantity bigint NOT NULL CONSTRAINT quantity_not_negative CHECK (quantity >= 0),
          note varchar(20),
          "Version" bigint NOT NULL);
        CREATE TABLE IF NOT EXISTS readings (
          id text PRIMARY KEY,
          count bigint NOT NULL,
          value double precision NOT NULL,
          "Version" bigint NOT NULL);
        """);

    /// <summary>One row; null where there is none.</summary>
    public async Task<ItemRow?> RowAsync(string id) => (await RowsAsync()).GetValueOrDefault(id);

    /// <summary>All rows by id.</summary>
    public async Task<IReadOnlyDictionary<string, ItemRow>> RowsAsync()
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand("""SELECT id, "Version", quantity, note FROM items""", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new Dictionary<string, ItemRow>(StringComparer.Ordinal);
        while (await reader.ReadAsync())
        {
            var row = new ItemRow(
                reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetString(3));
            rows.Add(row.Id, row);
        }

        return rows;
    }

    /// <summary>Writes a row past the engine, as an earlier release or another program would have.</summary>
    public Task PutAsync(ItemRow row) => ExecuteAsync(
        """
        INSERT INTO items (id, "Version", quantity, note) VALUES (@id, @version, @quantity, @note)
        ON CONFLICT (id) DO UPDATE SET "Version" = excluded."Version", quantity = excluded.quantity, note = excluded.note
        """,
        new("id", row.Id),
        new("version", row.Version),
        new("quantity", row.Quantity),
        new("note", NpgsqlTypes.NpgsqlDbType.Text) { Value = (object?)row.Note ?? DBNull.Value });

    /// <summary>Reads one value; default where there is no row.</summary>
    public async Task<T?> ScalarAsync<T>(string sql, params NpgsqlParameter[] parameters)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    /// <summary>Runs any statement.</summary>
    public async Task ExecuteAsync(string sql, params NpgsqlParameter[] parameters)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Asks for a single value.</summary>
    public async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return connection;
    }
}
