using Npgsql;
using WriteBehind.EntityFrameworkCore.Hosting;
using WriteBehind.EntityFrameworkCore.Loading;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Documents;

/// <summary>Loads states from the generic table.</summary>
internal sealed class DocumentLoader<TState>(DocumentTable<TState> table) : ILoader<TState>
    where TState : class
{
    private readonly string _sql =
        $"SELECT id, version, state FROM {table.Name} WHERE type = {SqlName.Literal(table.Type)} AND id = ANY($1)";

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        ContextLease lease, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<StoredRow<TState>>(ids.Count);
        if (ids.Count == 0)
        {
            return rows;
        }

        var command = new NpgsqlCommand(_sql, lease.Connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. ids] });
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    var id = reader.GetString(0);
                    rows.Add(new StoredRow<TState>(id, reader.GetInt64(1), table.Deserialize(id, reader.GetFieldValue<byte[]>(2))));
                }
            }
        }

        return rows;
    }
}
