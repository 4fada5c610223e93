using Npgsql;

namespace Client.Verification;

/// <summary>Reads the tables.</summary>
internal sealed class RowReader(NpgsqlDataSource database)
{
    public async Task<IReadOnlyDictionary<string, StoredState>> ReadAllAsync(EntityKind kind, CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, StoredState>();
        await using var command = database.CreateCommand(kind.Select);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows[kind.IdOf(reader)] = Read(reader, kind);
        }

        return rows;
    }

    public async Task<StoredState?> ReadAsync(EntityKind kind, string id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"{kind.Select} WHERE {kind.KeyCondition}");
        foreach (var part in kind.KeyOf(id))
        {
            command.Parameters.Add(new NpgsqlParameter { Value = part });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? Read(reader, kind) : null;
    }

    // Key columns, values, version.
    private static StoredState Read(NpgsqlDataReader reader, EntityKind kind)
    {
        var last = reader.FieldCount - 1;
        var first = last - kind.Columns.Count;
        return EntityKinds.State(reader.GetInt64(last), kind.Columns.Select((name, i) => (name, reader.GetInt64(first + i))));
    }
}
