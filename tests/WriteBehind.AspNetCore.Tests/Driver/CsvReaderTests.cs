using Proof.Input;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class CsvReaderTests
{
    [Theory]
    [InlineData("a,b\n1,2\n")]
    [InlineData("a,b\r\n1,2\r\n")]
    [InlineData("a,b\r1,2")]
    [InlineData("a,b\n\n1,2\n\n\n")]
    public void Every_line_end_is_understood_and_blank_lines_are_skipped(string text)
        => Assert.Equal([["a", "b"], ["1", "2"]], Fields(text));

    [Theory]
    [InlineData("\"a,b\",c", new[] { "a,b", "c" })]
    [InlineData("\"say \"\"hi\"\"\",c", new[] { "say \"hi\"", "c" })]
    [InlineData("\"two\r\nlines\",c", new[] { "two\nlines", "c" })]
    [InlineData("\"\",\"\"", new[] { "", "" })]
    [InlineData(",", new[] { "", "" })]
    [InlineData(" a , b ", new[] { " a ", " b " })]
    [InlineData("5\" pipe,3", new[] { "5\" pipe", "3" })]
    [InlineData("a,\"b\"", new[] { "a", "b" })]
    public void Quotes_hold_commas_quotes_and_line_breaks(string text, string[] expected)
        => Assert.Equal(expected, Assert.Single(Fields(text)));

    [Fact]
    public void A_quote_that_is_never_closed_costs_its_own_line_only()
    {
        var records = Read("a,1\n\"b,2\nc,3\nd,4\n");
        Assert.Equal([1, 2, 3, 4], records.Select(record => record.Line));
        Assert.Equal("a quote is not closed", records[1].Problem);
        Assert.Equal(["c", "3"], records[2].Fields);
        Assert.Equal(["d", "4"], records[3].Fields);
    }

    [Fact]
    public void A_quote_that_is_never_closed_does_not_make_a_long_file_slow()
    {
        var records = Read("\"x,1\n" + string.Concat(Enumerable.Repeat("a,1\n", 100_000)));
        Assert.Equal(100_001, records.Count);
        Assert.Single(records, record => record.Problem is not null);
    }

    [Fact]
    public void Text_after_a_closing_quote_is_an_error_of_that_line()
    {
        var records = Read("\"a\"b,1\nc,2\n");
        Assert.Equal("text follows a closing quote", records[0].Problem);
        Assert.Equal(["c", "2"], records[1].Fields);
    }

    [Fact]
    public void A_record_is_named_by_the_line_it_begins_at()
        => Assert.Equal([1, 2, 5], Read("h\n\"a\n\nb\"\nc").Select(record => record.Line));

    private static IEnumerable<IEnumerable<string>> Fields(string text) => Read(text).Select(record => record.Fields);

    private static List<CsvRecord> Read(string text) => [.. new CsvReader(new StringReader(text)).Read()];
}
