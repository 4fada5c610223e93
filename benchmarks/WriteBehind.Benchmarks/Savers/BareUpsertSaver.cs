using Npgsql;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>
/// The practical limit: a prepared upsert over arrays that are ready. It knows nothing of leases and locks, and does not learn which rows
/// it wrote.
/// </summary>
internal sealed class BareUpsertSaver(Workspace workspace) : IRowSaver
{
    public string Name => "bare unnest upsert, ready arrays";

    public async Task<Prepared> PrepareAsync(RowSet rows, int batchSize)
    {
        var connection = new NpgsqlConnection(workspace.Database);
        await connection.OpenAsync();
        List<IAsyncDisposable> opened = [connection];
        List<(int, Func<Task>)> batches = [];
        foreach (var chunk in rows.Products.Chunk(batchSize))
        {
            var command = new NpgsqlCommand(ProductArrays.UpsertSql, connection);
            opened.Add(command);
            new ProductArrays(chunk).AddTo(command.Parameters);
            await command.PrepareAsync();
            batches.Add((chunk.Length, () => command.ExecuteNonQueryAsync()));
        }

        return new Prepared(batches) { Opened = opened };
    }
}
