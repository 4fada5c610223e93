using System.Buffers;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using NpgsqlTypes;
using WriteBehind.EntityFrameworkCore.Bulk;
using WriteBehind.EntityFrameworkCore.Keys;
using WriteBehind.EntityFrameworkCore.Mapping;
using WriteBehind.Serialization;

namespace WriteBehind.EntityFrameworkCore.Documents;

/// <summary>The generic table as one entity type sees it: a key of one column, and the state as JSON.</summary>
internal sealed class DocumentTable<TState>
    where TState : class
{
    private readonly IStateSerializer<TState> _serializer;

    public DocumentTable(EntityTypeOptions<TState> options, IEntityType documents)
    {
        // A serializer of JSON writes what the application means by JSON: its names, converters and source-generated contexts. Any other
        // format can't go into a jsonb column.
        _serializer = options.Serializer.Format == JsonStateSerializer<TState>.JsonFormat ? options.Serializer : new JsonStateSerializer<TState>();
        Type = options.Type;
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
            return _serializer.Deserialize(json);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new PayloadException(
                PayloadProblem.Unreadable, $"The row of {Type} '{id}' in {Name} can't be read as a {typeof(TState).Name}: {e.Message}", Type, id, e);
        }
    }

    private byte[] Serialize(TState state)
    {
        var output = new ArrayBufferWriter<byte>();
        _serializer.Serialize(state, output);
        return output.WrittenSpan.ToArray();
    }
}
