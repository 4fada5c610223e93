using Npgsql;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>The PostgreSQL side: looks at rows, over one connection that stays open.</summary>
internal sealed class RowView(NpgsqlConnection connection) : IAsyncDisposable
{
    public static async Task<RowView> OpenAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return new RowView(connection);
    }

    /// <summary>The rows of these ids, in their order; null where there is none.</summary>
    public async Task<ItemRow?[]> LookAsync(string[] ids)
    {
        await using var command = new NpgsqlCommand("""SELECT id, "Version", quantity, note FROM items WHERE id = ANY($1)""", connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = ids });
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new ItemRow?[ids.Length];
        while (await reader.ReadAsync())
        {
            var row = new ItemRow(
                reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetString(3));
            rows[Array.IndexOf(ids, row.Id)] = row;
        }

        return rows;
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
