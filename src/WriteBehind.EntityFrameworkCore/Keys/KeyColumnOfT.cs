using System.Globalization;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Keys;

/// <summary>A key column whose values are sent as <typeparamref name="T"/>.</summary>
/// <param name="name">The column.</param>
/// <param name="sqlType">The type its values are sent as.</param>
/// <param name="dbType">The same for the driver.</param>
/// <param name="read">Reads a value from id text.</param>
/// <param name="converter">Between the model's property and the column; null where they are the same.</param>
internal sealed class KeyColumn<T>(string name, string sqlType, NpgsqlDbType dbType, KeyReader<T> read, ValueConverter? converter)
    : KeyColumn(name, sqlType, dbType)
    where T : notnull
{
    public string? Read(string text, out T value) => read(text, out value);

    public override string? Check(string text) => read(text, out _);

    public override KeyValues Allocate(int capacity) => new KeyValues<T>(this, capacity);

    public override object ToModel(string text)
    {
        _ = read(text, out var value);
        return converter is null ? value : converter.ConvertFromProvider(value)!;
    }

    // Guid prints as "D" in lower case, integers without leading zeros: the canonical texts.
    public override string ToText(object modelValue)
        => Convert.ToString(converter is null ? modelValue : converter.ConvertToProvider(modelValue), CultureInfo.InvariantCulture)!;
}
