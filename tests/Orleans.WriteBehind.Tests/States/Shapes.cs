using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orleans.WriteBehind.Tests.States;

/// <summary>A kind of member that a state may have, with a value that shows what becomes of it.</summary>
internal abstract record Shape(string Name, bool IsPart)
{
    public abstract Task<string> TryAsync(IShapeTrial trial);

    /// <summary>All that is tried.</summary>
    public static IReadOnlyList<Shape> All { get; } =
    [
        .. Values(),
        .. Collections(),
        .. Objects(),
    ];

    private static IEnumerable<Shape> Values() =>
    [
        Of("`int`, `long` and the other integers", -7L),
        Of("`decimal`, the largest", decimal.MaxValue),
        Of("`decimal` with trailing zeros", 1.10m),
        Of("`double`", 0.1 + 0.2),
        Of("`double`, the smallest", double.Epsilon),
        Of("`double` that is NaN", double.NaN),
        Of("`double` that is infinite", double.PositiveInfinity),
        Of("`float`", 0.1f),
        Of("`Half`", (Half)0.1f),
        Of("`Int128`", Int128.MinValue),
        Of("`UInt128`", UInt128.MaxValue),
        Of("`BigInteger`", BigInteger.Pow(10, 30)),
        Of("`Complex`", new Complex(1, 2)),
        Of("`bool`", true),
        Of("`char`", 'é'),
        Of("`char`, U+0000", '\0'),
        Of("`char`, half of a surrogate pair", '\uD83D'),
        Of("`Rune`", new Rune('é')),
        Of("a text", "🦊 \uFFFD \\u0000"),
        Of("a text with U+0000", "a\0b"),
        Of("a text with half of a surrogate pair", "a\uD83Db"),
        Of("`Guid`", Guid.Parse("0e0c6b0a-3c0b-4a53-9d0e-6b1a4f2f7c11")),
        Of("`DateTime` in UTC", new DateTime(2026, 3, 29, 1, 30, 0, 123, 456, DateTimeKind.Utc)),
        Of("`DateTime` of no kind", new DateTime(2026, 3, 29, 1, 30, 0, DateTimeKind.Unspecified)),
        Of("`DateTime[]` of no kind", new[] { new DateTime(2026, 3, 29, 1, 30, 0, DateTimeKind.Unspecified) }),
        Of("`DateTime`, local", new DateTime(2026, 3, 29, 1, 30, 0, DateTimeKind.Local)),
        Of("`DateTimeOffset` in UTC", new DateTimeOffset(2026, 3, 29, 1, 30, 0, TimeSpan.Zero)),
        Of("`DateTimeOffset` elsewhere", new DateTimeOffset(2026, 3, 29, 1, 30, 0, TimeSpan.FromHours(5))),
        Of("`DateOnly`", new DateOnly(2026, 2, 28)),
        Of("`TimeOnly`", new TimeOnly(23, 59, 59)),
        Of("`TimeSpan`", TimeSpan.FromHours(-30.5)),
        Of("an enum", DayOfWeek.Friday),
        Of("an enum written by name", Named.Two),
        Of("an enum of which two values have one name", Twins.Pollux),
        Of("`int?` that is null", (int?)null),
        Of("`byte[]`", new byte[] { 0, 255 }),
        Of("`Memory<byte>`", new Memory<byte>([0, 255])),
        Of("`Uri`", new Uri("https://example.org/a%20b?c#d")),
        Of("`Uri`, relative", new Uri("../a", UriKind.Relative)),
        Of("`Version`", new Version(1, 2, 3)),
        Of("`CultureInfo`", CultureInfo.InvariantCulture),
        Of("`IPAddress`", IPAddress.Loopback),
        Of("`JsonElement`", JsonSerializer.Deserialize<JsonElement>("""{"b":[1,null],"a":"x"}""")),
        Of("`JsonElement` that is undefined", default(JsonElement)),
        Of("`JsonNode`", JsonNode.Parse("""{"b":[1,null],"a":"x"}""")!),
        Of("`JsonDocument`", JsonDocument.Parse("""{"b":[1,null],"a":"x"}""")),
        Of<object>("`object`", 7),
        Of("`Type`", typeof(string)),
        Of("`Lazy<T>`", new Lazy<int>(() => 7)),
        Of("a delegate", new Action(static () => { })),
    ];

    private static IEnumerable<Shape> Collections() =>
    [
        Of<List<int?>>("`List<int?>` with nulls", [1, null]),
        Of<int[]>("an array", [1, 2]),
        Of<int[][]>("an array of arrays", [[1], [2, 3]]),
        Of("an array of two dimensions", new[,] { { 1, 2 }, { 3, 4 } }),
        Of<IReadOnlyList<string>>("`IReadOnlyList<T>`", ["a", "b"]),
        Of<IEnumerable<int>>("`IEnumerable<T>`", [1, 2]),
        Of<ISet<int>>("`ISet<T>`", new HashSet<int> { 1, 2 }),
        Of<HashSet<DayOfWeek>>("`HashSet<T>`", [DayOfWeek.Friday]),
        Of("`HashSet<T>` with a comparer", new HashSet<string>(["a"], StringComparer.OrdinalIgnoreCase)),
        Of("`SortedSet<T>`", new SortedSet<int> { 2, 1 }),
        Of("`SortedSet<T>` with a comparer", new SortedSet<string>(["b", "a"], StringComparer.OrdinalIgnoreCase)),
        Of("`Dictionary<string, T>`", new Dictionary<string, int?> { ["a"] = 1, [""] = null }),
        Of("`Dictionary<string, T>` with a comparer", new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase) { ["a"] = 1 }),
        Of("a member that makes its dictionary with a comparer", new AnyCase { Replaced = { ["a"] = 1 } }, isPart: true),
        Of("the same, filled when it is read (`Populate`)", new AnyCasePopulated { Filled = { ["a"] = 1 } }, isPart: true),
        Of(
            "`IDictionary<string, T>` with a comparer",
            (IDictionary<string, int>)new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase)),
        Of("`Dictionary<int, T>`", new Dictionary<int, string> { [-1] = "a" }),
        Of("`Dictionary<Guid, T>`", new Dictionary<Guid, string> { [Guid.Empty] = "a" }),
        Of("a dictionary with enums as keys", new Dictionary<DayOfWeek, string> { [DayOfWeek.Friday] = "a" }),
        Of(
            "a dictionary with times as keys",
            new Dictionary<DateTime, string> { [new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc)] = "a" }),
        Of("a dictionary with NaN as a key", new Dictionary<double, string> { [double.NaN] = "a" }),
        Of("a dictionary with tuples as keys", new Dictionary<(int, int), string> { [(1, 2)] = "a" }),
        Of("a dictionary with records as keys", new Dictionary<Fixed, string> { [new Fixed(1, 2)] = "a" }),
        Of("`SortedDictionary<string, T>`", new SortedDictionary<string, int> { ["b"] = 1, ["a"] = 2 }),
        Of(
            "`SortedDictionary<string, T>` with a comparer",
            new SortedDictionary<string, int>(StringComparer.OrdinalIgnoreCase) { ["a"] = 1 }),
        Of("`SortedList<string, T>`", new SortedList<string, int> { ["b"] = 1, ["a"] = 2 }),
        Of("`ConcurrentDictionary<string, T>`", new ConcurrentDictionary<string, int>(new Dictionary<string, int> { ["a"] = 1 })),
        Of("`ConcurrentBag<T>`", new ConcurrentBag<int> { 1, 2 }),
        Of<ObservableCollection<int>>("`ObservableCollection<T>`", [1, 2]),
        Of("`Queue<T>`", new Queue<int>([1, 2])),
        Of("`Stack<T>`", new Stack<int>([1, 2])),
        Of("`LinkedList<T>`", new LinkedList<int>([1, 2])),
        Of("`BitArray`", new BitArray([true, false])),
        Of<ImmutableArray<int>>("`ImmutableArray<T>`", [1, 2]),
        Of("`ImmutableArray<T>` that is default", default(ImmutableArray<int>)),
        Of<ImmutableList<int>>("`ImmutableList<T>`", [1, 2]),
        Of("`ImmutableDictionary<string, T>`", ImmutableDictionary<string, int>.Empty.Add("a", 1)),
        Of(
            "`ImmutableDictionary<string, T>` with a comparer",
            ImmutableDictionary.Create<string, int>(StringComparer.OrdinalIgnoreCase).Add("a", 1)),
        Of("`ImmutableStack<T>`", ImmutableStack.Create(1, 2)),
        Of("`FrozenSet<T>`", FrozenSet.ToFrozenSet<int>([1, 2])),
        Of("`ReadOnlyCollection<T>`", new ReadOnlyCollection<int>([1, 2])),
        Of("`ReadOnlyDictionary<string, T>`", new ReadOnlyDictionary<string, int>(new Dictionary<string, int> { ["a"] = 1 })),
        Of("a list of tuples", new List<(int, string)> { (1, "a") }),
        Of("a list of `KeyValuePair`", new List<KeyValuePair<int, string>> { new(1, "a") }),
        Of<Dictionary<string, Dictionary<int, List<Positional?>>>>(
            "collections in collections", new() { ["a"] = new() { [1] = [new Positional("x", null, null), null] } }),
        Of("a collection class of one's own", new Tags { "a" }),
        Of("the same with a member of its own", new Names { Owner = "x" }),
    ];

    private static IEnumerable<Shape> Objects() =>
    [
        Of("a record", new Positional("a", 1.50m, new Positional("b", null, null)), isPart: true),
        Of("`required` and `init`", new WithInit { Name = "a", Numbers = [1, null] }, isPart: true),
        Of("a `required` member that is left out when it is null", new RequiredAndLeftOut { Name = null }, isPart: true),
        Of("a struct", new Plain { X = 1, Name = "a" }),
        Of("a `readonly record struct`", new Fixed(1, 2)),
        Of("a tuple `(string, string)`", ("Ada", "Lovelace")),
        Of("`Tuple<int, string>`", Tuple.Create(1, "a")),
        Of(
            "a record whose constructor rounds, with a value that never went through it",
            new Rounding(1m) { Amount = 1.234m }, isPart: true),
        Of("a public field", new WithField { Count = 1 }, isPart: true),
        Of("`{ get; private set; }`", WithPrivateSetter.Make(), isPart: true),
        Of("a member that hides one of the base class", Above.Make(), isPart: true),
        Of("two members of one name in JSON", new SameName { First = "a", Second = "b" }, isPart: true),
        Of("a derived object where the base is declared", new OfBase { One = new Derived { Name = "a", Height = 3 } }),
        Of<List<Vehicle>>("objects of an abstract class with `[JsonDerivedType]`", [new Truck { Load = 1 }, new Car { Seats = 4 }]),
        Of<Beast>("an object of an abstract class without it", new Cat { Name = "a" }),
        Of<IThing>("an object by its interface", new Thing(7)),
        Of("extension data", new Extended { Known = 1, Rest = { ["a"] = JsonSerializer.Deserialize<JsonElement>("[1]") } }),
        Of("extension data of type `object`", new ExtendedByObjects { Known = 1, Rest = { ["a"] = 7 } }),
        Of(
            "extension data with the name of a member",
            new Extended { Known = 1, Rest = { ["Known"] = JsonSerializer.Deserialize<JsonElement>("2") } }),
        Of("a private list behind a read-only view", Notebook.Make()),
        Of("a private field", Tally.Make()),
        Of("a converter that drops the time of day, at noon", new Day { At = new DateTime(2026, 1, 1, 12, 0, 0) }),
        Of("the same at midnight", new Day { At = new DateTime(2026, 1, 1) }),
        Of("a default that is not written and not the constructor's", new WithDefault { Priority = 0 }, isPart: true),
        Of("an object that contains itself", Cyclic.Make()),
        Of("50 objects in one another", Nested.Make(50)),
        Of("70 objects in one another", Nested.Make(70)),
    ];

    private static Shape<T> Of<T>(string name, T value, bool isPart = false) => new(name, value, isPart);
}

/// <inheritdoc />
internal sealed record Shape<T>(string Name, T Value, bool IsPart) : Shape(Name, IsPart)
{
    public override Task<string> TryAsync(IShapeTrial trial) => trial.RunAsync(this);
}

/// <summary>A serializer and a path on which shapes are tried.</summary>
internal interface IShapeTrial
{
    /// <returns>What became of the shape.</returns>
    Task<string> RunAsync<T>(Shape<T> shape);
}
