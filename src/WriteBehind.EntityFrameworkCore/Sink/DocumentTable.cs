using System.Buffers;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;
using NpgsqlTypes;
using WriteBehind.EntityFrameworkCore.Loading;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Saving;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.States;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>The generic table as one entity type sees it: a key of one column, and the state as JSON.</summary>
internal sealed class DocumentTable<TState>
    where TState : class
{
    private readonly IStateSerializer<TState> _serializer;
    private readonly JsonProof? _proof;
    private readonly bool _isStrict;

    public DocumentTable(EntityTypeOptions<TState> options, IEntityType documents)
    {
        // A serializer of JSON writes what the application means by JSON: its names, converters and source-generated contexts. Any other
        // format can't go into a jsonb column.
        _serializer = options.Serializer.Format == JsonStateSerializer<TState>.JsonFormat
            ? options.Serializer
            : new JsonStateSerializer<TState>();
        Type = options.Type;

        // What Redis holds is in another format, and proved there.
        _proof = ReferenceEquals(_serializer, options.Serializer) ? null : ((JsonStateSerializer<TState>)_serializer).Proof;
        if (_proof?.Contract.Faults is [var fault, ..])
        {
            throw new ConfigurationException(
                nameof(EntityTypeOptions<>.Serializer),
                $"Rows of '{options.Type}' in the generic table are JSON, and its states would not come back from there as they were. " +
                $"{fault}",
                options.Type);
        }

        if (_serializer is JsonStateSerializer<TState> { Proof.NeedsOrder: true })
        {
            throw new ConfigurationException(
                nameof(JsonSerializerOptions.ReferenceHandler),
                $"States of '{options.Type}' can't be kept in the generic table with ReferenceHandler.Preserve: it needs members in the " +
                "order in which they were written, and jsonb keeps none. Map the type, or take the setting away.",
                options.Type);
        }

        // A row has no schema version. Before the first upgrade a member that is not known can only be a newer release's.
        _isStrict = options.SchemaVersion == 1;
        Name = SqlName.Table(documents.GetSchema(), documents.GetTableName()!);
        Key = new TableKey([new KeyColumn<string>("id", "text", NpgsqlDbType.Text, KeyText.TextReader(null), null)]);
    }

    /// <summary>The registered name of the entity type, which the table keeps apart by its first key column.</summary>
    public string Type { get; }

    /// <summary>The table as SQL writes it.</summary>
    public string Name { get; }

    /// <summary>The id alone; the type is the same for all rows.</summary>
    public TableKey Key { get; }

    /// <summary>The table as the bulk path writes it.</summary>
    public BulkTable<TState> ToBulkTable() => new(
        Name,
        Key,
        new KeyValuePair<string, string>("type", SqlName.Literal(Type)),
        "version",
        [new BulkColumn<TState, byte[]>("state", new WireType("jsonb", NpgsqlDbType.Jsonb, typeof(byte[])), insertOnly: false, Serialize)],
        "updated_at");

    /// <summary>Reads a state back.</summary>
    /// <exception cref="PayloadException">What is stored is no such state.</exception>
    public TState Deserialize(string id, byte[] json)
    {
        try
        {
            return _serializer is JsonStateSerializer<TState> strict
                ? strict.DeserializeStrictly(json, takesOtherMembers: !_isStrict)
                : _serializer.Deserialize(json);
        }
        catch (UnknownMemberException e)
        {
            throw new PayloadException(
                PayloadProblem.NewerSchema,
                $"The row of {Type} '{id}' in {Name} has what this process does not know ({e.Message}), so it is left alone: " +
                "a newer release of the application wrote it and can read it. Where this release has dropped that member, class or name, " +
                "raise SchemaVersion.",
                Type,
                id,
                e);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new PayloadException(
                PayloadProblem.Unreadable,
                $"The row of {Type} '{id}' in {Name} can't be read as a {typeof(TState).Name}: {e.Message}",
                Type,
                id,
                e);
        }
    }

    /// <summary>Why a row can't hold the state as it is; null where it can.</summary>
    public string? Check(TState state)
    {
        var json = Serialize(state);
        return (_proof?.IsDue(json) == true ? _proof.Refuse(state, json) : null)
            ?? (NulText.PlaceIn(json) is { } place ? NulText.Refusal(place) : null);
    }

    private byte[] Serialize(TState state)
    {
        var output = new ArrayBufferWriter<byte>();
        _serializer.Serialize(state, output);
        return output.WrittenSpan.ToArray();
    }
}

/// <summary>Loads states from the generic table.</summary>
internal sealed class DocumentLoader<TState>(DocumentTable<TState> table) : ILoader<TState>
    where TState : class
{
    private readonly string _sql =
        $"SELECT id, version, state FROM {table.Name} WHERE type = {SqlName.Literal(table.Type)} AND id = ANY($1)";

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        RentedContext rented, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<StoredRow<TState>>(ids.Count);
        if (ids.Count == 0)
        {
            return rows;
        }

        var command = new NpgsqlCommand(_sql, rented.Connection);
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
