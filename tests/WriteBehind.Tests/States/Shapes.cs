using System.Collections;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.Tests.States;

#pragma warning disable CA1002, CA1051, CA1819, CA2227, SA1401 // These are what applications have, good or bad.

public sealed class WithTuple
{
    public (string First, string Last) Name { get; set; }
}

public sealed class WithBigNumber
{
    public BigInteger Amount { get; set; }
}

public sealed class WithBits
{
    public BitArray Bits { get; set; } = new(8);
}

public sealed class WithInterface
{
    public IComparable? Any { get; set; }
}

public sealed class WithObject
{
    public Dictionary<string, object> Values { get; set; } = [];
}

public abstract class Beast
{
    public string Name { get; set; } = "";
}

public sealed class WithAbstract
{
    public Beast? Beast { get; set; }
}

public sealed class WithPrivateSetter
{
    public int Count { get; private set; }

    public void Add() => Count++;
}

public sealed class WithField
{
    public int Count;
}

public sealed class WithPile
{
    public Stack<int> Numbers { get; set; } = new();
}

public sealed class WithoutConstructor
{
    private WithoutConstructor()
    {
    }

    public int Count { get; set; }

    public static WithoutConstructor Make() => new();
}

public class Line
{
    public int Amount { get; set; }
}

public sealed class GiftLine : Line
{
    public string Wrapping { get; set; } = "";
}

public sealed class Basket
{
    public List<Line> Lines { get; set; } = [];
}

[JsonDerivedType(typeof(Truck), "truck")]
[JsonDerivedType(typeof(Car), "car")]
public abstract class Vehicle
{
    public string Id { get; set; } = "";
}

public sealed class Truck : Vehicle
{
    public double Load { get; set; }
}

public sealed class Car : Vehicle
{
    public int Seats { get; set; }
}

public sealed class Fleet
{
    public List<Vehicle> Vehicles { get; set; } = [];
}

/// <summary>Keeps its elements to itself, as domain classes do.</summary>
public sealed class Notebook
{
    private readonly List<string> _notes = [];

    public string Owner { get; set; } = "";

    public IReadOnlyList<string> Notes => _notes;

    public void Add(string note) => _notes.Add(note);
}

/// <summary>Holds something that nothing shows but a method.</summary>
public sealed class Tally
{
    private int _hits;

    public string Name { get; set; } = "";

    public void Hit() => _hits++;

    public int Hits() => _hits;
}

public sealed class Rounded
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

public sealed record Plain(
    string Name, decimal Price,
    IReadOnlyList<string> Tags, Dictionary<string, int> Counts, DayOfWeek? Day, Plain? Next)
{
    public decimal Twice => Price * 2;
}

public sealed class Before
{
    public int Quantity { get; set; }
}

public sealed class After
{
    public int Quantity { get; set; }

    public string? Shelf { get; set; }
}

/// <summary>Its constructor does more than keep what it is given.</summary>
public sealed record Rounding(decimal Amount)
{
    public decimal Amount { get; init; } = decimal.Round(Amount, 2);
}

public sealed class AnyCase
{
    [JsonObjectCreationHandling(JsonObjectCreationHandling.Populate)]
    public Dictionary<string, int> Counts { get; } = new(StringComparer.OrdinalIgnoreCase);
}

public class Below
{
    public string? Name { get; set; }
}

public sealed class Above : Below
{
    public new string? Name { get; set; }
}
