using Npgsql;
using NpgsqlTypes;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>COPY into a temporary table, then a merge into the real one.</summary>
internal sealed class CopyMergeSaver(Workspace workspace) : IRowSaver
{
    private const string CopySql =
        "COPY incoming (id, name, category, quantity, reserved, price, updated_at, version) FROM STDIN (FORMAT BINARY)";
    private const string MergeSql = $"INSERT INTO products AS t SELECT * FROM incoming {ProductArrays.MergeSql}";

    public string Name => "COPY to a temporary table, merge";

    public async Task<Prepared> PrepareAsync(RowSet rows, int batchSize)
    {
        // Without a pool: the temporary table goes with the connection.
        var connection = new NpgsqlConnection(workspace.Database + ";Pooling=false");
        await connection.OpenAsync();
        await using var create = new NpgsqlCommand("CREATE TEMPORARY TABLE incoming (LIKE products) ON COMMIT DELETE ROWS", connection);
        await create.ExecuteNonQueryAsync();
        var merge = new NpgsqlCommand(MergeSql, connection);
        await merge.PrepareAsync();
        return new Prepared([.. rows.Products.Chunk(batchSize)
            .Select(chunk => (chunk.Length, (Func<Task>)(() => SaveAsync(connection, merge, chunk))))])
        {
            Opened = [connection, merge],
        };
    }

    private static async Task SaveAsync(NpgsqlConnection connection, NpgsqlCommand merge, Product[] products)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var import = await connection.BeginBinaryImportAsync(CopySql))
        {
            foreach (var product in products)
            {
                await import.StartRowAsync();
                await import.WriteAsync(product.Id, NpgsqlDbType.Text);
                await import.WriteAsync(product.Name, NpgsqlDbType.Text);
                await import.WriteAsync(product.Category, NpgsqlDbType.Text);
                await import.WriteAsync(product.Quantity, NpgsqlDbType.Bigint);
                await import.WriteAsync(product.Reserved, NpgsqlDbType.Bigint);
                await import.WriteAsync(product.Price, NpgsqlDbType.Numeric);
                await import.WriteAsync(product.UpdatedAt, NpgsqlDbType.TimestampTz);
                await import.WriteAsync(RowSet.Version, NpgsqlDbType.Bigint);
            }

            await import.CompleteAsync();
        }

        await merge.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }
}
