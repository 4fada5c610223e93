using System.Text.Json;
using WriteBehind.Buffer;
using WriteBehind.Tests.House;

namespace WriteBehind.Tests.States;

/// <summary>The table of docs/states.md says what becomes of states when they are tried.</summary>
public sealed class StatesPageTests
{
    private static readonly JsonSerializerOptions WithFields = new() { IncludeFields = true };

    [Fact]
    public void The_page_shows_what_becomes_of_each_state()
    {
        string[] rows =
        [
            "| a state | `JsonStateSerializer` | the provider's JSON (`IncludeFields`) |",
            "|---|---|---|",
            Row("a record with nullables, lists, dictionaries, itself, and a member worked out from others", Record("a")),
            Row(
                "members of an abstract class with `[JsonDerivedType]`",
                new Fleet { Vehicles = [new Truck { Load = 1 }, new Car { Seats = 2 }] }),
            Row("members of an abstract class without it", new WithAbstract()),
            Row("members of an interface", new WithInterface()),
            Row("values of type `object`", new WithObject()),
            Row("a derived object in a list of its base class", new Basket { Lines = [new GiftLine { Wrapping = "red" }] }),
            Row("a tuple `(string, string)`", new WithTuple { Name = ("Ada", "Lovelace") }),
            Row("a public field", new WithField { Count = 1 }),
            Row("`{ get; private set; }`", new WithPrivateSetter()),
            Row("a class without a public constructor", WithoutConstructor.Make()),
            Row("`BigInteger`", new WithBigNumber { Amount = 1 }),
            Row("`BitArray`", new WithBits()),
            Row("`Stack<T>`", new WithPile()),
            Row("a private list behind a read-only view, with something in it", Noted()),
            Row("a private field that holds something", Hit()),
            Row("a converter that drops the time of day, at noon", new Rounded { At = new DateTime(2026, 1, 1, 12, 0, 0) }),
            Row("the same at midnight", new Rounded { At = new DateTime(2026, 1, 1) }),
            Row("a default that is not written and not the constructor's", new WithDefault { Priority = 0 }),
            Row("half of a surrogate pair", Record("\uD83D")),
        ];

        Assert.Contains(string.Join('\n', rows) + "\n", SourceTree.Read("docs/states.md"), StringComparison.Ordinal);
    }

    private static string Row<TState>(string what, TState state)
        where TState : class
        => $"| {what} | {Outcome(state, null)} | {Outcome(state, WithFields)} |";

    private static string Outcome<TState>(TState state, JsonSerializerOptions? json)
        where TState : class
    {
        var codec = new PayloadCodec<TState>(new EntityTypeOptions<TState>("shape") { Serializer = new JsonStateSerializer<TState>(json) });
        if (codec.Faults.Count > 0)
        {
            return "refused at start";
        }

        try
        {
            return codec.Decode("a", codec.Encode("a", state)) is null ? "lost" : "comes back";
        }
        catch (PayloadException e) when (e.Problem == PayloadProblem.NotSerializable)
        {
            return "refused at the write";
        }
    }

    private static Plain Record(string name)
        => new(name, 1.50m, ["x"], new() { ["k"] = 1 }, DayOfWeek.Friday, new Plain("b", 0, [], [], null, null));

    private static Notebook Noted()
    {
        var notebook = new Notebook();
        notebook.Add("buy milk");
        return notebook;
    }

    private static Tally Hit()
    {
        var tally = new Tally();
        tally.Hit();
        return tally;
    }
}
