using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orleans.WriteBehind.Tests.States;

#pragma warning disable CA1002, CA1051, CA1819, CA2227, SA1401, SA1402, SA1649 // These are what applications have, good or bad.

/// <summary>A state with one member of a shape.</summary>
[GenerateSerializer]
public sealed class Held<T>
{
    [Id(0)]
    public int Id { get; set; }

    [Id(1)]
    public T? Value { get; set; }
}

/// <summary>The same with a part, which goes through SaveChanges where it is mapped.</summary>
public sealed class HeldWhole<T>
{
    public int Id { get; set; }

    public T? Value { get; set; }

    public HeldPart Part { get; set; } = new();
}

public sealed class HeldPart
{
    public string? Name { get; set; }
}

[GenerateSerializer]
public sealed record Positional([property: Id(0)] string Name, [property: Id(1)] decimal? Price, [property: Id(2)] Positional? Next);

[GenerateSerializer]
public sealed record WithInit
{
    [Id(0)]
    public required string Name { get; init; }

    [Id(1)]
    public IReadOnlyList<int?> Numbers { get; init; } = [];
}

[GenerateSerializer]
public struct Plain
{
    [Id(0)]
    public int X { get; set; }

    [Id(1)]
    public string? Name { get; set; }
}

[GenerateSerializer]
public readonly record struct Fixed([property: Id(0)] int X, [property: Id(1)] long Y);

[GenerateSerializer]
public sealed class WithPrivateSetter
{
    [Id(0)]
    public int Count { get; private set; }

    public static WithPrivateSetter Make() => new() { Count = 3 };
}

[GenerateSerializer]
public sealed class WithField
{
    [Id(0)]
    public int Count;
}

[GenerateSerializer]
public class Below
{
    [Id(0)]
    public string? Name { get; set; }
}

[GenerateSerializer]
public sealed class Above : Below
{
    [Id(0)]
    public new string? Name { get; set; }

    public static Above Make()
    {
        var made = new Above { Name = "above" };
        ((Below)made).Name = "below";
        return made;
    }
}

[GenerateSerializer]
public sealed class OfBase
{
    [Id(0)]
    public Below? One { get; set; }
}

[GenerateSerializer]
public sealed class Derived : Below
{
    [Id(0)]
    public int Height { get; set; }
}

[GenerateSerializer]
[JsonDerivedType(typeof(Truck), "truck")]
[JsonDerivedType(typeof(Car), "car")]
public abstract class Vehicle
{
    [Id(0)]
    public string? Plate { get; set; }
}

[GenerateSerializer]
public sealed class Truck : Vehicle
{
    [Id(0)]
    public double Load { get; set; }
}

[GenerateSerializer]
public sealed class Car : Vehicle
{
    [Id(0)]
    public int Seats { get; set; }
}

[GenerateSerializer]
public abstract class Beast
{
    [Id(0)]
    public string? Name { get; set; }
}

[GenerateSerializer]
public sealed class Cat : Beast;

public interface IThing;

[GenerateSerializer]
public sealed record Thing([property: Id(0)] int Number) : IThing;

[GenerateSerializer]
public sealed class SameName
{
    [Id(0)]
    [JsonPropertyName("name")]
    public string? First { get; set; }

    [Id(1)]
    [JsonPropertyName("name")]
    public string? Second { get; set; }
}

public sealed class Extended
{
    public int Known { get; set; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement> Rest { get; set; } = [];
}

public sealed class ExtendedByObjects
{
    public int Known { get; set; }

    [JsonExtensionData]
    public Dictionary<string, object?> Rest { get; set; } = [];
}

public sealed class RequiredAndLeftOut
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required string? Name { get; init; }
}

/// <summary>Its constructor does more than keep what it is given.</summary>
[GenerateSerializer]
public sealed record Rounding(decimal Amount)
{
    [Id(0)]
    public decimal Amount { get; init; } = decimal.Round(Amount, 2);
}

/// <summary>Keeps its elements to itself, as domain classes do.</summary>
public sealed class Notebook
{
    private readonly List<string> _notes = [];

    public IReadOnlyList<string> Notes => _notes;

    public static Notebook Make()
    {
        var made = new Notebook();
        made._notes.Add("buy milk");
        return made;
    }
}

/// <summary>Holds something that nothing shows but a method.</summary>
public sealed class Tally
{
    private int _hits;

    public string? Name { get; set; }

    public int Hits() => _hits;

    public static Tally Make() => new() { Name = "x", _hits = 3 };
}

public sealed class Day
{
    [JsonConverter(typeof(DayConverter))]
    public DateTime At { get; set; }
}

public sealed class DayConverter : JsonConverter<DateTime>
{
    public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => DateTime.ParseExact(reader.GetString()!, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

    public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options)
        => writer.WriteStringValue(value.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));
}

public sealed class WithDefault
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Priority { get; set; } = 5;
}

/// <summary>A dictionary that finds names however they are written, in both ways to declare it.</summary>
[GenerateSerializer]
public sealed class AnyCase
{
    [Id(0)]
    public Dictionary<string, int> Replaced { get; set; } = new(StringComparer.OrdinalIgnoreCase);
}

public sealed class AnyCasePopulated
{
    [JsonObjectCreationHandling(JsonObjectCreationHandling.Populate)]
    public Dictionary<string, int> Filled { get; } = new(StringComparer.OrdinalIgnoreCase);
}

public sealed class Names : List<string>
{
    public string? Owner { get; set; }
}

public sealed class Tags : Collection<string>;

public sealed class Cyclic
{
    public Cyclic? Self { get; set; }

    public static Cyclic Make()
    {
        var made = new Cyclic();
        made.Self = made;
        return made;
    }
}

[GenerateSerializer]
public sealed class Nested
{
    [Id(0)]
    public Nested? Inner { get; set; }

    public static Nested Make(int depth)
    {
        var made = new Nested();
        for (var i = 1; i < depth; i++)
        {
            made = new Nested { Inner = made };
        }

        return made;
    }
}

[JsonConverter(typeof(JsonStringEnumConverter<Twins>))]
public enum Twins
{
    Castor,
    [JsonStringEnumMemberName("Castor")]
    Pollux,
}

[JsonConverter(typeof(JsonStringEnumConverter<Named>))]
public enum Named
{
    One,
    Two,
}
