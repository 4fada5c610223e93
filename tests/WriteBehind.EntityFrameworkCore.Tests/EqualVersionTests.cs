using System.Text.Json;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>
/// A row of the version to be saved is this write's own only where its content is what this write leaves there: whatever the column makes
/// of it (scale, precision, order of members), and nothing but that.
/// </summary>
public sealed class EqualVersionTests(Database database) : IClassFixture<Database>
{
    public static TheoryData<string> Changes => [.. SampleChanges.Keys];

    private static readonly Dictionary<string, Action<Sample>> SampleChanges = new()
    {
        ["bool"] = static s => s.Flag = true,
        ["smallint"] = static s => s.Tiny = 1,
        ["bigint"] = static s => s.Large++,
        ["real"] = static s => s.Single = 2.5f,
        ["double"] = static s => s.Double = double.NaN,
        ["numeric"] = static s => s.Amount += 1,
        ["char"] = static s => s.Letter = 'b',
        ["text"] = static s => s.Text = "A",
        ["bytea"] = static s => s.Bytes = [1, 2],
        ["uuid"] = static s => s.Reference = Guid.Empty,
        ["date"] = static s => s.Date = new DateOnly(2000, 1, 1),
        ["time"] = static s => s.Time = new TimeOnly(1, 2),
        ["interval"] = static s => s.Span = TimeSpan.FromDays(1),
        ["timestamptz"] = static s => s.Utc = s.Utc.AddSeconds(1),
        ["timestamp"] = static s => s.Local = s.Local.AddSeconds(1),
        ["enum"] = static s => s.DayText = DayOfWeek.Monday,
        ["jsonb"] = static s => s.Json = """{"b": 2, "a": 3}""",
        ["null in place of a value"] = static s => s.MaybeText = null,
        ["a value in place of null"] = static s => s.MaybeNumber = 1,
    };

    [Fact]
    public async Task A_replay_is_known_whatever_the_columns_make_of_the_values()
    {
        var (sink, id) = (database.Sink<Sample>(), Guid.NewGuid().ToString());
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(id, 4, Full())).Outcome);

        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 4), await sink.PutAsync(id, 4, Full()));
        var reordered = Full();
        reordered.Json = """{ "b":2,  "a":1 }""";
        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 4), await sink.PutAsync(id, 4, reordered));
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task One_column_that_differs_makes_another_write_of_it(string column)
    {
        var (sink, id) = (database.Sink<Sample>(), Guid.NewGuid().ToString());
        await sink.PutAsync(id, 4, Full());
        var other = Full();
        SampleChanges[column](other);

        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 4), await sink.PutAsync(id, 4, other));
    }

    [Fact]
    public async Task What_a_state_owns_belongs_to_its_content()
    {
        var (sink, id) = (database.Sink<Order>(), Guid.NewGuid().ToString());
        await sink.PutAsync(id, 4, Order("one", 1));

        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 4), await sink.PutAsync(id, 4, Order("one", 1)));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 4), await sink.PutAsync(id, 4, Order("two", 1)));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 4), await sink.PutAsync(id, 4, Order("one", 2)));
        var row = Assert.NotNull(await sink.FindAsync(id));
        Assert.Equal(("one", 1), (row.State.Customer, row.State.Lines.Count));
    }

    [Fact]
    public async Task A_document_is_compared_as_jsonb()
    {
        var (sink, id) = (database.Sink<Game>(), Guid.NewGuid().ToString());
        await sink.PutAsync(id, 4, new Game("chess", 1, ["a", "b"]));

        Assert.Equal(new SaveResult(SaveOutcome.AlreadyThere, 4), await sink.PutAsync(id, 4, new Game("chess", 1, ["a", "b"])));
        Assert.Equal(new SaveResult(SaveOutcome.Fenced, 4), await sink.PutAsync(id, 4, new Game("chess", 1, ["a", "c"])));
    }

    [Fact]
    public async Task Of_a_batch_only_those_that_differ_are_conflicts()
    {
        var sink = database.Sink<Game>();
        string[] ids = [.. Enumerable.Range(0, 6).Select(static _ => Guid.NewGuid().ToString()).Order(StringComparer.Ordinal)];
        await sink.SaveAsync([.. ids[..4].Select(static id => new SaveItem<Game>(id, 2, new Game(id, 2, [])))]);

        var results = await sink.SaveAsync(
            [.. ids.Select((id, i) => new SaveItem<Game>(id, 2, new Game(i % 2 == 0 ? id : "other", 2, [])))]);

        Assert.Equal(
            [
                SaveOutcome.AlreadyThere, SaveOutcome.Fenced, SaveOutcome.AlreadyThere, SaveOutcome.Fenced, SaveOutcome.Applied,
                SaveOutcome.Applied,
            ],
            results.Select(static result => result.Outcome));
    }

    private static Sample Full() => new()
    {
        Large = 7,
        Single = 1.1f,
        Double = 0.1,
        Amount = 12.34567m,
        Letter = 'a',
        Text = "a",
        Bytes = [1],
        Reference = Guid.Parse("5f0c1f1e-8b1a-4a57-9a5b-0c6a1f1d2e3f"),
        Date = new DateOnly(2024, 2, 29),
        Time = new TimeOnly(1, 2, 3, 4, 5).Add(TimeSpan.FromTicks(7)),
        Span = TimeSpan.FromTicks(1234567),
        Utc = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(1234567),
        Local = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Unspecified).AddTicks(1234567),
        Instant = new DateTimeOffset(2024, 1, 2, 3, 4, 5, TimeSpan.FromHours(5)).AddTicks(1234567),
        Json = """{"a": 1, "b": 2}""",
        Document = JsonDocument.Parse("""{"a": [1.50, null]}"""),
        MaybeText = "x",
    };

    private static Order Order(string customer, int lines) => new()
    {
        Customer = customer,
        Address = new Address { City = "here" },
        Lines = [.. Enumerable.Range(1, lines).Select(static line => new OrderLine { Line = line })],
    };
}
