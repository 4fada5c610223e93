using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

// What made-up shapes are made of: each parameter is a kind of value.

/// <summary>A state of one table, as a record.</summary>
internal sealed record KeptRow<TFirst, TSecond, TThird>(int Id, TFirst First, TSecond Second, TThird Third)
{
    public bool IsFirst => Id == 1;
}

/// <summary>The same as a class with setters, one of which is required.</summary>
internal sealed class KeptEntry<TFirst, TSecond, TThird>
{
    public int Id { get; init; }

    public required TFirst First { get; init; }

    public TSecond Second { get; set; } = default!;

    public TThird Third { get; set; } = default!;
}

/// <summary>One with parts, which goes through SaveChanges where it is mapped: one in its columns, many in a column as JSON.</summary>
internal sealed class KeptWhole<TFirst, TSecond>
{
    public int Id { get; set; }

    public TFirst Value { get; set; } = default!;

    public KeptPart<TFirst, TSecond>? Part { get; set; }

    public List<KeptPart<TSecond, TFirst>> Parts { get; set; } = [];
}

/// <summary>The same with a list of values, many in a table of their own, and one that is always there.</summary>
internal sealed class KeptList<TFirst, TSecond>
{
    public int Id { get; set; }

    public List<TFirst> Values { get; set; } = [];

    public List<KeptPart<TFirst, TSecond>> Parts { get; set; } = [];

    public KeptPart<TSecond, TSecond> Always { get; set; } = new();
}

internal sealed record KeptPart<TFirst, TSecond>
{
    public TFirst First { get; set; } = default!;

    public TSecond Second { get; set; } = default!;
}

internal sealed record KeptPair<TFirst, TSecond>(TFirst First, TSecond Second);

internal readonly record struct KeptBoth<TFirst, TSecond>(TFirst First, TSecond Second);

internal sealed record KeptTree<T>(T Value, IReadOnlyList<KeptTree<T>> Children);

[JsonDerivedType(typeof(KeptRound), "round")]
[JsonDerivedType(typeof(KeptFlat), "flat")]
internal abstract record KeptShape(string Name);

internal sealed record KeptRound(string Name, double Radius) : KeptShape(Name);

internal sealed record KeptFlat(string Name, int Id, KeptShape? On) : KeptShape(Name);

/// <summary>One that nobody has named.</summary>
internal sealed record KeptStray(string Name) : KeptShape(Name);

[JsonConverter(typeof(Converter))]
internal readonly record struct KeptCode(string Area, int Number)
{
    public static KeptCode Parse(string text)
        => text.LastIndexOf('-') is var at ? new(text[..at], int.Parse(text[(at + 1)..], System.Globalization.CultureInfo.InvariantCulture))
            : default;

    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Area}-{Number}");

    private sealed class Converter : JsonConverter<KeptCode>
    {
        public override KeptCode Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => Parse(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, KeptCode value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.ToString());
    }
}
