using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>
/// The key of a table, and how it is written as an id: its one part as it is, several parts as <see cref="EntityId"/> says.
/// </summary>
internal sealed class TableKey(IReadOnlyList<KeyColumn> columns)
{
    /// <summary>The columns in the key's order.</summary>
    public IReadOnlyList<KeyColumn> Columns => columns;

    /// <summary>Null where the id is a key of the table, else why not, as a sentence.</summary>
    public string? Check(string id)
        => Split(id, out var parts) ?? parts.Zip(columns, (text, column) => column.Check(text)).FirstOrDefault(error => error is not null);

    /// <summary>The texts of the id's parts; returns null where there are as many as the key has columns, else why not.</summary>
    public string? Split(string id, out string[] parts)
    {
        if (columns.Count == 1)
        {
            parts = [id];
            return null;
        }

        if (!EntityId.TrySplit(id, out var split) || split.Length != columns.Count)
        {
            parts = [];
            return $"the key has {columns.Count} columns ({string.Join(", ", columns.Select(c => c.Name))}), so the id has " +
                $"{columns.Count} parts joined by '|' (EntityId.Compose makes it).";
        }

        parts = split;
        return null;
    }

    /// <summary>The id of a key as the model's properties have it.</summary>
    public string ToId(IReadOnlyList<object> modelValues)
        => columns.Count == 1
            ? columns[0].ToText(modelValues[0])
            : EntityId.Compose([.. columns.Select((column, i) => column.ToText(modelValues[i]))]);
}

/// <summary>One column of a table's key, and how its value is written in an id.</summary>
internal abstract class KeyColumn(string name, string sqlType, NpgsqlDbType dbType)
{
    /// <summary>The column.</summary>
    public string Name => name;

    /// <summary>The type its values are sent as.</summary>
    public string SqlType => sqlType;

    /// <summary>The same for the driver.</summary>
    public NpgsqlDbType DbType => dbType;

    /// <summary>Null where the text is a key value, else why not.</summary>
    public abstract string? Check(string text);

    /// <summary>Room for this many values.</summary>
    public abstract KeyValues Allocate(int capacity);

    /// <summary>The value as the model's property has it; the text must have passed <see cref="Check"/>.</summary>
    public abstract object ToModel(string text);

    /// <summary>The text of a value that the model's property has.</summary>
    public abstract string ToText(object modelValue);
}

/// <summary>A key column whose values are sent as <typeparamref name="T"/>.</summary>
/// <param name="name">The column.</param>
/// <param name="sqlType">The type its values are sent as.</param>
/// <param name="dbType">The same for the driver.</param>
/// <param name="read">Reads a value from id text.</param>
/// <param name="converter">Between the model's property and the column; null where they are the same.</param>
/// <param name="provided">From what is sent to what EF Core's provider has there; null where they are the same.</param>
internal sealed class KeyColumn<T>(
    string name, string sqlType, NpgsqlDbType dbType, KeyReader<T> read, ValueConverter? converter, Func<T, object>? provided = null)
    : KeyColumn(name, sqlType, dbType)
    where T : notnull
{
    public string? Read(string text, out T value) => read(text, out value);

    public override string? Check(string text) => read(text, out _);

    public override KeyValues Allocate(int capacity) => new KeyValues<T>(this, capacity);

    public override object ToModel(string text)
    {
        _ = read(text, out var value);
        var sent = provided is null ? value : provided(value);
        return converter is null ? sent : converter.ConvertFromProvider(sent)!;
    }

    public override string ToText(object modelValue)
        => KeyText.TextOf(converter is null ? modelValue : converter.ConvertToProvider(modelValue)!);
}

/// <summary>Reads a key value from id text. Returns null where it could, else why not, as a sentence.</summary>
internal delegate string? KeyReader<T>(string text, out T value);

/// <summary>
/// The text of key values. Each value has exactly one text, the canonical one, and no other is read: if "7" and "007" were both
/// accepted, two entities of the buffer would share one row.
/// </summary>
internal static class KeyText
{
    public static string? ReadInteger<T>(string text, out T value)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
        => T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && IsTextOf(value, text)
            ? null
            : $"the key is an integer from {T.MinValue} to {T.MaxValue}, written without '+', leading zeros or spaces.";

    private const string DateFormat = "yyyy-MM-dd";
    private const string InstantFormat = "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'";

    /// <summary>The canonical text: Guid prints as "D" in lower case, integers without leading zeros.</summary>
    public static string TextOf(object value) => value switch
    {
        DateOnly date => date.ToString(DateFormat, CultureInfo.InvariantCulture),
        DateTime instant => instant.ToUniversalTime().ToString(InstantFormat, CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>An integer of one byte, which PostgreSQL keeps as a smallint.</summary>
    public static string? ReadSmall<T>(string text, out short value)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var error = ReadInteger<T>(text, out var small);
        value = short.CreateTruncating(small);
        return error;
    }

    public static string? ReadDate(string text, out DateOnly value)
        => DateOnly.TryParseExact(text, DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out value) && TextOf(value) == text
            ? null
            : "the key is a date, written as 2026-01-31.";

    public static string? ReadInstant(string text, out DateTime value)
        => DateTime.TryParseExact(
                text, InstantFormat, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out value)
            && TextOf(value) == text
            ? null
            : "the key is a time in UTC to the microsecond, written as 2026-01-31T12:00:00Z, with as many decimals as it needs.";

    public static string? ReadGuid(string text, out Guid value)
        => Guid.TryParseExact(text, "D", out value) && IsTextOf(value, text)
            ? null
            : "the key is a uuid, written as lower-case hexadecimal digits in groups of 8-4-4-4-12.";

    /// <summary>A reader of text keys of at most this many characters, as PostgreSQL counts them (code points).</summary>
    public static KeyReader<string> TextReader(int? maxLength)
    {
        return Read;

        string? Read(string text, out string value)
        {
            value = text;
            return Refuse(text, maxLength);
        }
    }

    private static string? Refuse(string text, int? maxLength)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return "PostgreSQL can't store the character U+0000.";
        }

        var characters = 0;
        for (ReadOnlySpan<char> rest = text; rest.Length > 0; characters++)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var taken) != OperationStatus.Done)
            {
                return "it holds half of a surrogate pair, which is no text.";
            }

            rest = rest[taken..];
        }

        return characters > maxLength ? $"it has {characters} characters and the key column takes {maxLength}." : null;
    }

    // .NET reads more than the canonical text (spaces, signs, even trailing U+0000), so what was read is written again and compared.
    private static bool IsTextOf<T>(T value, string text)
        where T : ISpanFormattable
    {
        Span<char> canonical = stackalloc char[36];
        return value.TryFormat(canonical, out var length, default, CultureInfo.InvariantCulture)
            && text.AsSpan().SequenceEqual(canonical[..length]);
    }
}
