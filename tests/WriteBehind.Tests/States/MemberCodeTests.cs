using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using WriteBehind.Buffer;
using WriteBehind.States;

namespace WriteBehind.Tests.States;

/// <summary>Code between a member and what holds it may do to the thousandth state what it did to none before.</summary>
public sealed class MemberCodeTests
{
    [Fact]
    public void A_state_that_such_code_changes_is_refused_however_many_came_back_before()
    {
        RefusesLate(new Rounded(1), new Rounded(1) { Amount = 1.005m });
        RefusesLate(new RoundedBelow("a", 1), new RoundedBelow("a", 1) { Amount = 1.005m });
        RefusesLate(new Checked("a"), new Checked("a") { Name = "" });
        RefusesLate(new Clamped { Level = 1 }, Clamped.Of(101));
        RefusesLate(new Painted { Paint = Paint.Red }, new Painted { Paint = Paint.Crimson });
        RefusesLate(new MaybePainted { Paint = null }, new MaybePainted { Paint = Paint.Crimson });
        RefusesLate(new Awoken { Count = 1 }, new Awoken { Count = -1 });
        var emptied = new Prefilled();
        emptied.Counts.Clear();
        RefusesLate(new Prefilled(), emptied);
    }

    [Theory]
    [InlineData(typeof(Rounded))]
    [InlineData(typeof(RoundedBelow))]
    [InlineData(typeof(Checked))]
    [InlineData(typeof(Clamped))]
    [InlineData(typeof(Painted))]
    [InlineData(typeof(MaybePainted))]
    [InlineData(typeof(Awoken))]
    [InlineData(typeof(Swapped))]
    [InlineData(typeof(ByInit))]
    [InlineData(typeof(Prefilled))]
    public void Such_code_is_a_doubt(Type type) => Assert.NotEmpty(DoubtsOf(type));

    [Theory]
    [InlineData(typeof(Plain))]
    [InlineData(typeof(OfRecord))]
    [InlineData(typeof(Between))]
    [InlineData(typeof(Wide))]
    [InlineData(typeof(OfClass))]
    [InlineData(typeof(ToAnother))]
    [InlineData(typeof(Of<Plain>))]
    [InlineData(typeof(Made))]
    [InlineData(typeof(Worked))]
    [InlineData(typeof(Populated))]
    public void What_only_keeps_what_it_is_given_is_none(Type type) => Assert.Empty(DoubtsOf(type));

    private static IReadOnlyList<string> DoubtsOf(Type type)
        => StrictJson.Of(JsonSerializerOptions.Default).ContractOf(type).Doubts;

    private static void RefusesLate<TState>(TState good, TState bad)
        where TState : class
    {
        var codec = new PayloadCodec<TState>(new EntityTypeOptions<TState>("shape"));
        for (var i = 0; i < 20; i++)
        {
            codec.Encode("a", good);
        }

        Assert.Equal(PayloadProblem.NotSerializable, Assert.Throws<PayloadException>(() => codec.Encode("a", bad)).Problem);
    }

    private sealed class Prefilled
    {
        [JsonObjectCreationHandling(JsonObjectCreationHandling.Populate)]
        public Dictionary<string, int> Counts { get; } = new() { ["all"] = 1 };
    }

    private sealed class Populated
    {
        [JsonObjectCreationHandling(JsonObjectCreationHandling.Populate)]
        public Dictionary<string, int> Counts { get; } = [];
    }

    private sealed record Rounded(decimal Amount)
    {
        public decimal Amount { get; init; } = decimal.Round(Amount, 2);
    }

    private record RoundedBase(decimal Amount)
    {
        public decimal Amount { get; init; } = decimal.Round(Amount, 2);
    }

    private sealed record RoundedBelow(string Name, decimal Amount) : RoundedBase(Amount);

    private sealed class Checked
    {
        public Checked(string name)
        {
            ArgumentException.ThrowIfNullOrEmpty(name);
            Name = name;
        }

        public string Name { get; set; }
    }

    private sealed class Clamped
    {
        public int Level
        {
            get;
            set => field = value == 101 ? 100 : value;
        }

        public static Clamped Of(int level)
        {
            var made = new Clamped();
            typeof(Clamped).GetField("<Level>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(made, level);
            return made;
        }
    }

    private sealed class Painted
    {
        public Paint Paint { get; set; }
    }

    private sealed class MaybePainted
    {
        [JsonConverter(typeof(JsonStringEnumConverter))]
        public Paint? Paint { get; set; }
    }

    [JsonConverter(typeof(JsonStringEnumConverter<Paint>))]
    private enum Paint
    {
        Red,
        Green,

        [JsonStringEnumMemberName("Green")]
        Crimson,
    }

    private sealed class Awoken : IJsonOnDeserialized
    {
        public int Count { get; set; }

        public void OnDeserialized() => Count = Math.Max(Count, 0);
    }

    private sealed class Swapped(string first, string last)
    {
        public string First { get; set; } = last;

        public string Last { get; set; } = first;
    }

    private sealed class ByInit
    {
        public ByInit(string name)
        {
            Name = name;
            Tidy();
        }

        public string Name { get; set; }

        private void Tidy() => Name = Name.Trim();
    }

    private sealed record Plain(string Name, int Count, DateTime? At = null);

    private abstract record Base(string Name);

    private sealed record OfRecord(int Count, string Name) : Base(Name);

    private sealed record Between(int A, string B)
    {
        public List<string> Tags { get; init; } = [];

        public string Text => A + B;
    }

    private sealed record Wide(int A, int B, int C, int D, int E, int F);

    private sealed class OfClass
    {
        public OfClass(string name, int count)
        {
            Name = name;
            Count = count;
        }

        public string Name { get; }

        public int Count { get; private set; }
    }

    private sealed class ToAnother
    {
        [JsonConstructor]
        public ToAnother(string name)
            : this(7, name)
        {
        }

        private ToAnother(int count, string name)
        {
            Count = count;
            Name = name;
        }

        public string Name { get; }

        public int Count { get; set; }
    }

    private sealed record Of<T>(T Value, IReadOnlyList<T> Values);

    private sealed class Made
    {
        public Made() => Name = "new";

        public string Name { get; set; }

        public required int Count { get; init; }
    }

    private readonly record struct Point(int X, int Y);

    private sealed record Worked(Point At)
    {
        public int Sum => At.X + At.Y;
    }
}
