using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>One row has one id: every other text for the same key is refused before a write of it is accepted.</summary>
public sealed class IdTests(Database database) : IClassFixture<Database>
{
    [Theory]
    [InlineData("0")]
    [InlineData("7")]
    [InlineData("-7")]
    [InlineData("2147483647")]
    [InlineData("-2147483648")]
    public void The_canonical_text_of_an_integer_is_an_id(string id) => Assert.Null(database.Sink<Product>().CheckId(id));

    [Theory]
    [InlineData("007")]
    [InlineData("+7")]
    [InlineData(" 7")]
    [InlineData("7 ")]
    [InlineData("7\n")]
    [InlineData("7\0")]
    [InlineData("-0")]
    [InlineData("-07")]
    [InlineData("--7")]
    [InlineData("7.0")]
    [InlineData("7e1")]
    [InlineData("1,000")]
    [InlineData("0x7")]
    [InlineData("٧")]
    [InlineData("2147483648")]
    [InlineData("seven")]
    [InlineData("")]
    public void Any_other_text_of_an_integer_is_refused(string id)
        => Assert.Contains("integer from -2147483648 to 2147483647", database.Sink<Product>().CheckId(id), StringComparison.Ordinal);

    [Theory]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950e", true)]
    [InlineData("00000000-0000-0000-0000-000000000000", true)]
    [InlineData("0F8FAD5B-d9cb-469f-a165-70867728950e", false)]
    [InlineData("0f8fad5bd9cb469fa16570867728950e", false)]
    [InlineData("{0f8fad5b-d9cb-469f-a165-70867728950e}", false)]
    [InlineData(" 0f8fad5b-d9cb-469f-a165-70867728950e", false)]
    [InlineData("0x8fad5b-d9cb-469f-a165-70867728950e", false)]
    [InlineData("+f8fad5b-d9cb-469f-a165-70867728950e", false)]
    public void A_uuid_has_one_text(string id, bool isId) => Assert.Equal(isId, database.Sink<Sample>().CheckId(id) is null);

    [Fact]
    public void A_text_key_is_measured_in_the_characters_that_PostgreSQL_counts()
    {
        var sink = database.Sink<Counter>();
        Assert.Null(sink.CheckId(new string('x', 20)));
        Assert.Null(sink.CheckId(string.Concat(Enumerable.Repeat("😀", 20))));
        Assert.Contains("21 characters", sink.CheckId(new string('x', 21)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_that_PostgreSQL_can_t_store_is_refused()
    {
        Assert.Contains("U+0000", database.Sink<Counter>().CheckId("a\0b"), StringComparison.Ordinal);
        Assert.Contains("surrogate", database.Sink<Counter>().CheckId("a\ud800b"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a|1|0f8fad5b-d9cb-469f-a165-70867728950e", null)]
    [InlineData("a|1", "3 parts")]
    [InlineData("a|b|1|0f8fad5b-d9cb-469f-a165-70867728950e", "3 parts")]
    [InlineData(@"a\|1|0f8fad5b-d9cb-469f-a165-70867728950e", "3 parts")]
    [InlineData(@"a\b|1|0f8fad5b-d9cb-469f-a165-70867728950e", "3 parts")]
    [InlineData("a|01|0f8fad5b-d9cb-469f-a165-70867728950e", "integer")]
    [InlineData("a|1|nothing", "uuid")]
    public void A_composite_key_checks_each_part(string id, string? reason)
    {
        var answer = database.Sink<Membership>().CheckId(id);
        Assert.Equal(reason is null, answer is null);
        Assert.Contains(reason ?? "", answer ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_that_is_no_key_is_rejected_alone()
    {
        var sink = database.Sink<Product>();
        var results = await sink.SaveAsync(
            new SaveItem<Product>("+1", 1, new Product()),
            new SaveItem<Product>("300", 1, new Product { Name = "stays" }),
            new SaveItem<Product>("oops", 1, null));

        Assert.Equal([SaveOutcome.Rejected, SaveOutcome.Applied, SaveOutcome.Rejected], results.Select(result => result.Outcome));
        Assert.Equal("+1", Assert.IsType<InvalidEntityIdException>(results[0].Error).EntityId);
        Assert.NotNull(await sink.FindAsync("300"));
    }

    [Fact]
    public async Task Loading_an_id_that_is_no_key_finds_nothing()
        => Assert.Empty(await database.Sink<Product>().LoadAsync(["+1", "x", ""], CancellationToken.None));
}
