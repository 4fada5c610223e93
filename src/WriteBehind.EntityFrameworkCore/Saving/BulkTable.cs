using System.Linq.Expressions;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.States;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>A table that is written with arrays.</summary>
/// <param name="Name">The table as SQL writes it.</param>
/// <param name="Key">The key columns that come from the id.</param>
/// <param name="FixedKey">Key columns whose value is the same for every row of the entity type: name and SQL literal.</param>
/// <param name="VersionColumn">The column of the version.</param>
/// <param name="Columns">The other columns.</param>
/// <param name="TouchedColumn">A column that takes the database's clock with each write; null for none.</param>
internal sealed record BulkTable<TState>(
    string Name,
    TableKey Key,
    KeyValuePair<string, string>? FixedKey,
    string VersionColumn,
    IReadOnlyList<BulkColumn<TState>> Columns,
    string? TouchedColumn)
{
    private static readonly MethodInfo CreateMethod =
        typeof(BulkTable<TState>).GetMethod(nameof(CreateColumn), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>The table of a mapped entity type, whose properties all fit into arrays.</summary>
    public static BulkTable<TState> From(EntityMap map)
        => new(map.Table, map.Key, null, map.VersionColumn, [.. map.Properties.Select(Column)], null);

    private static BulkColumn<TState> Column(MappedProperty property)
    {
        var read = PropertyReader.Build<TState>(property.Property, property.Wire!);
        return (BulkColumn<TState>)CreateMethod.MakeGenericMethod(read.ReturnType).Invoke(null, [property, read])!;
    }

    private static BulkColumn<TState, T> CreateColumn<T>(MappedProperty property, LambdaExpression read)
        => new(property.Column!, property.Wire!, property.InsertOnly, ((Expression<Func<TState, T>>)read).Compile());
}

/// <summary>A column whose values are read from states into an array.</summary>
/// <param name="name">The column.</param>
/// <param name="wire">How its values travel.</param>
/// <param name="insertOnly">Left alone where the row is there already.</param>
internal abstract class BulkColumn<TState>(string name, WireType wire, bool insertOnly)
{
    public string Name => name;

    public WireType Wire => wire;

    public bool InsertOnly => insertOnly;

    /// <summary>The values of these states as an array parameter.</summary>
    /// <exception cref="ColumnReadException">One of the states has a value that can't be read or converted.</exception>
    public abstract NpgsqlParameter Read(ReadOnlySpan<TState> states);

    /// <summary>Whether the state's value is a text that PostgreSQL can't hold; false also where it can't be read.</summary>
    public abstract bool HoldsNul(TState state);
}

/// <inheritdoc />
internal sealed class BulkColumn<TState, T>(string name, WireType wire, bool insertOnly, Func<TState, T> read)
    : BulkColumn<TState>(name, wire, insertOnly)
{
    public override NpgsqlParameter Read(ReadOnlySpan<TState> states)
    {
        var values = new T[states.Length];
        var row = 0;
        try
        {
            for (; row < values.Length; row++)
            {
                values[row] = read(states[row]);
            }
        }
        catch (Exception e)
        {
            throw new ColumnReadException(Name, row, e);
        }

        return new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | Wire.DbType };
    }

    public override bool HoldsNul(TState state)
    {
        if (Wire.DbType is not (NpgsqlDbType.Text or NpgsqlDbType.Json or NpgsqlDbType.Jsonb))
        {
            return false;
        }

        try
        {
            return NulText.IsIn(read(state), isJsonb: Wire.DbType == NpgsqlDbType.Jsonb);
        }
#pragma warning disable CA1031 // The flush says what is wrong with such a state.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }
}

/// <summary>
/// The character U+0000 in what is about to be a text of PostgreSQL, which has no place for it; as an escape not in jsonb either.
/// </summary>
internal static class NulText
{
    public static bool IsIn(object? value, bool isJsonb) => value switch
    {
        string text => text.Contains('\0', StringComparison.Ordinal) || (isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(text))),
        JsonDocument document => isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(document.RootElement.GetRawText())),
        JsonElement { ValueKind: not JsonValueKind.Undefined } element
            => isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(element.GetRawText())),
        byte[] json => isJsonb && JsonProof.HoldsNul(json),
        _ => false,
    };

    /// <summary>Where the first such text is in a JSON; null where there is none.</summary>
    public static string? PlaceIn(ReadOnlySpan<byte> json)
    {
        if (!JsonProof.HoldsNul(json))
        {
            return null;
        }

        var name = "a text";
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1_000 });
        while (reader.Read())
        {
            var isName = reader.TokenType == JsonTokenType.PropertyName;
            if (isName || reader.TokenType == JsonTokenType.String)
            {
                var text = reader.GetString()!;
                if (text.Contains('\0', StringComparison.Ordinal))
                {
                    return isName ? "a key" : name;
                }

                name = isName ? $"'{text}'" : name;
            }
        }

        return null;
    }

    public static string Refusal(string place)
        => $"{place} holds the character U+0000, which PostgreSQL can't store in a text. Way out: take it out first.";
}
