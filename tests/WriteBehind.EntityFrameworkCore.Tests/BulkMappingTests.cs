using System.Text.Json;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>Every kind of mapping that arrays carry comes back as it was saved.</summary>
public sealed class BulkMappingTests(Database database) : IClassFixture<Database>
{
    private static readonly string[] Tenants = ["a|b", @"a\", "", "ü"];

    [Fact]
    public async Task Every_column_type_comes_back_as_it_was_saved()
    {
        var sink = database.Sink<Sample>();
        var id = Guid.NewGuid();
        var state = new Sample
        {
            Flag = true,
            Tiny = 255,
            Small = short.MinValue,
            Number = -7,
            Unsigned = uint.MaxValue,
            Large = long.MaxValue,
            Huge = ulong.MaxValue,
            Single = 1.5f,
            Double = double.NaN,
            Amount = 123456789.125m,
            Letter = 'é',
            Text = "naïve 😀 'quoted' \\ \" \n",
            Bytes = [0, 1, 255],
            Reference = Guid.NewGuid(),
            Date = new DateOnly(2024, 2, 29),
            Time = new TimeOnly(23, 59, 59, 999),
            Span = TimeSpan.FromDays(3) + TimeSpan.FromMilliseconds(1),
            Utc = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Utc),
            Local = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Unspecified),
            Instant = new DateTimeOffset(2024, 1, 2, 3, 4, 5, TimeSpan.FromHours(5)),
            Day = DayOfWeek.Friday,
            DayText = DayOfWeek.Saturday,
            Link = new Uri("https://example.org/a?b=c"),
            Json = """{"a": [1, null, "x"]}""",
            Document = JsonDocument.Parse("""{"nested": {"b": true}}"""),
            MaybeNumber = 3,
            MaybeText = "",
            MaybeDay = DayOfWeek.Monday,
            MaybeInstant = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero),
            MaybeBytes = [],
        };

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(id.ToString(), 4, state)).Outcome);
        var row = Assert.NotNull(await sink.FindAsync(id.ToString()));

        Assert.Equal((id.ToString(), 4, id), (row.Id, row.Version, row.State.Id));
        state.Id = id;
        state.Instant = state.Instant.ToUniversalTime();
        Assert.Equal(JsonSerializer.Serialize(state.Document), JsonSerializer.Serialize(row.State.Document));
        row.State.Document = state.Document;
        Assert.Equivalent(state, row.State, strict: true);
    }

    [Fact]
    public async Task Nulls_come_back_as_nulls_also_in_place_of_values()
    {
        var sink = database.Sink<Sample>();
        var id = Guid.NewGuid().ToString();
        var full = new Sample
        {
            MaybeNumber = 1,
            MaybeText = "x",
            MaybeDay = DayOfWeek.Monday,
            MaybeInstant = DateTimeOffset.UnixEpoch,
            MaybeBytes = [1],
        };
        full.Link = new Uri("https://example.org");
        full.Document = JsonDocument.Parse("1");
        full.Utc = DateTime.UnixEpoch;

        await sink.PutAsync(id, 1, full);
        await sink.PutAsync(id, 2, new Sample { Utc = DateTime.UnixEpoch });
        var row = Assert.NotNull(await sink.FindAsync(id)).State;

        Assert.Null(row.MaybeNumber);
        Assert.Null(row.MaybeText);
        Assert.Null(row.MaybeDay);
        Assert.Null(row.MaybeInstant);
        Assert.Null(row.MaybeBytes);
        Assert.Null(row.Link);
        Assert.Null(row.Document);
    }

    [Fact]
    public async Task The_version_column_keeps_the_name_it_was_given()
    {
        var id = Guid.NewGuid().ToString();
        await database.Sink<Sample>().PutAsync(id, 9, new Sample { Utc = DateTime.UnixEpoch });
        Assert.Equal(9, await database.Host.ScalarAsync<long>($"SELECT row_version FROM samples WHERE \"Id\" = '{id}'"));
    }

    [Fact]
    public async Task The_key_comes_from_the_id_and_not_from_the_state()
    {
        var sink = database.Sink<Product>();
        var state = new Product { Id = 999, Name = "key" };

        await sink.PutAsync("101", 1, state);

        Assert.Null(await sink.FindAsync("999"));
        Assert.Equal(101, Assert.NotNull(await sink.FindAsync("101")).State.Id);
        Assert.Equal(999, state.Id);
    }

    [Fact]
    public async Task The_id_zero_is_a_key_like_any_other()
    {
        var sink = database.Sink<Product>();
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("0", 1, new Product { Name = "zero" })).Outcome);
        Assert.Equal("zero", Assert.NotNull(await sink.FindAsync("0")).State.Name);
    }

    [Fact]
    public async Task A_key_that_is_generated_always_takes_the_id()
    {
        var sink = database.Sink<Ticket>();
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("70000000000", 1, new Ticket { Subject = "a" })).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("70000000000", 2, new Ticket { Subject = "b" })).Outcome);
        Assert.Equal("b", Assert.NotNull(await sink.FindAsync("70000000000")).State.Subject);
    }

    [Fact]
    public async Task A_composite_key_is_put_together_from_the_parts_of_the_id()
    {
        var sink = database.Sink<Membership>();
        var member = Guid.NewGuid();
        var ids = Tenants.Select(tenant => EntityId.Compose(tenant, "-3", member.ToString())).Order(StringComparer.Ordinal).ToArray();

        var saved = await sink.SaveAsync([.. ids.Select((id, i) => new SaveItem<Membership>(id, 1, new Membership { Points = i }))]);
        var rows = await sink.LoadAsync(ids, CancellationToken.None);

        Assert.All(saved, result => Assert.Equal(SaveOutcome.Applied, result.Outcome));
        Assert.Equal(ids, rows.OrderBy(row => row.State.Points).Select(row => row.Id));
        Assert.Equal("a|b", rows.Single(row => row.Id.StartsWith("a\\|b", StringComparison.Ordinal)).State.Tenant);
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync(ids[1], 2)).Outcome);
        Assert.Equal(3, (await sink.LoadAsync(ids, CancellationToken.None)).Count);
    }

    [Fact]
    public async Task A_key_behind_a_value_converter_and_a_version_property_of_the_class_work()
    {
        var sink = database.Sink<Invoice>();
        await sink.PutAsync("5", 3, new Invoice { Title = "t", Code = "c5", Revision = 77 });
        var row = Assert.NotNull(await sink.FindAsync("5"));
        Assert.Equal((new InvoiceNumber(5), 3L, 3L), (row.State.Number, row.State.Revision, row.Version));
    }

    [Fact]
    public async Task What_the_database_generates_is_left_to_it()
    {
        var sink = database.Sink<Invoice>();
        await sink.PutAsync(
            "10", 1, new Invoice { Title = "first", Code = "c10", Shouted = "no", CreatedAt = DateTimeOffset.UnixEpoch, Token = 1 });
        var first = Assert.NotNull(await sink.FindAsync("10")).State;
        await sink.PutAsync("10", 2, new Invoice { Title = "second", Code = "c10" });
        var second = Assert.NotNull(await sink.FindAsync("10")).State;

        Assert.Equal("FIRST", first.Shouted);
        Assert.Equal("SECOND", second.Shouted);
        Assert.NotEqual(DateTimeOffset.UnixEpoch, first.CreatedAt);
        Assert.Equal(first.CreatedAt, second.CreatedAt);
        Assert.Equal("database", await database.Host.ScalarAsync<string>("SELECT \"AddedBy\" FROM invoices WHERE \"Number\" = 10"));
        Assert.Contains("left to the database: ", sink.Description, StringComparison.Ordinal);
        Assert.Contains("CreatedAt", sink.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_constant_default_gives_way_to_the_value_of_the_state()
    {
        var sink = database.Sink<Invoice>();
        await sink.PutAsync("11", 1, new Invoice { Code = "c11", Priority = 0 });
        Assert.Equal(0, Assert.NotNull(await sink.FindAsync("11")).State.Priority);
    }

    [Fact]
    public async Task A_property_that_is_written_once_keeps_its_first_value_and_an_alternate_key_may_change()
    {
        var sink = database.Sink<Invoice>();
        await sink.PutAsync("12", 1, new Invoice { Code = "c12", Origin = "shop" });
        await sink.PutAsync("12", 2, new Invoice { Code = "changed", Origin = "elsewhere" });
        var row = Assert.NotNull(await sink.FindAsync("12")).State;
        Assert.Equal(("shop", "changed"), (row.Origin, row.Code));
    }

    [Fact]
    public async Task A_row_that_a_filter_of_the_model_hides_is_loaded()
    {
        var sink = database.Sink<Counter>();
        await sink.PutAsync("hidden", 1, new Counter { Hidden = true, Value = 4 });
        Assert.Equal(4, Assert.NotNull(await sink.FindAsync("hidden")).State.Value);
    }

    [Fact]
    public async Task Many_rows_go_and_come_with_one_batch_each()
    {
        var sink = database.Sink<Counter>();
        var ids = Enumerable.Range(0, 5_000).Select(i => $"many-{i}").Order(StringComparer.Ordinal).ToArray();

        var saved = await sink.SaveAsync([.. ids.Select((id, i) => new SaveItem<Counter>(id, 1, new Counter { Value = i }))]);
        var rows = await sink.LoadAsync([.. ids, "many-nowhere"], CancellationToken.None);

        Assert.All(saved, result => Assert.Equal(SaveOutcome.Applied, result.Outcome));
        Assert.Equal(
            Enumerable.Range(0, 5_000).Select(i => (ids[i], (long)i)),
            rows.OrderBy(row => row.State.Value).Select(row => (row.Id, row.State.Value)));
    }

    [Fact]
    public void A_type_that_arrays_carry_says_so_in_its_description()
    {
        Assert.Equal("table \"counters\" (key Name, version Version) by bulk upsert", database.Sink<Counter>().Description);
        Assert.StartsWith("table \"stock\".\"Products \"\"quoted\"\"\"", database.Sink<Product>().Description, StringComparison.Ordinal);
    }
}
