using Proof;
using Proof.Input;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class MovementFileTests
{
    [Fact]
    public void Rows_become_movements_and_columns_are_found_in_any_case()
    {
        var file = Read("Invoice,Product,QTY\n1,apple,5\n2,pear,-3\n3,apple,+2\n", "product", "qty");
        Assert.Equal(["apple", "pear"], file.Ids);
        Assert.Equal([("apple", 5L), ("pear", -3L), ("apple", 2L)], Movements(file));
        Assert.Equal(0, file.BadRowCount);
    }

    [Fact]
    public void Bad_rows_are_counted_and_the_first_are_named_with_their_line()
    {
        var file = Read(
            "product,qty\n" +
            "apple,1\n" +
            "apple\n" +
            "apple,1,2\n" +
            ",5\n" +
            $"{new string('x', 513)},5\n" +
            "apple,much\n" +
            "apple,9223372036854775808\n" +
            "apple,1.5\n" +
            "nul\0,5\n" +
            "pear,9223372036854775807\n");
        Assert.Equal([("apple", 1L), ("pear", long.MaxValue)], Movements(file));
        Assert.Equal(8, file.BadRowCount);
        Assert.Equal(
            [
                new(3, "1 columns instead of 2"), new(4, "3 columns instead of 2"), new(5, "the product is empty"),
                new(6, "the product is 513 bytes long, 512 at most"), new(7, "the amount 'much' is no whole number of 64 bits"),
            ],
            file.BadRows);
    }

    [Fact]
    public void The_length_of_an_id_is_measured_as_it_is_stored()
    {
        var file = Read($"product,qty\n{new string('ü', 256)},1\n{new string('ü', 257)},1\n");
        Assert.Equal(1, file.Count);
        Assert.Equal(1, file.BadRowCount);
    }

    [Fact]
    public void Odd_ids_are_kept_as_they_are()
    {
        var file = Read("product,qty\n\"BANK CHARGES, {1}\",1\n🦊/..,2\n\"two\nlines\",3\n");
        Assert.Equal(["BANK CHARGES, {1}", "🦊/..", "two\nlines"], file.Ids);
    }

    [Fact]
    public void Bytes_that_are_no_utf_8_make_a_bad_row_and_never_two_ids_into_one()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, System.Text.Encoding.Latin1.GetBytes("town,qty\nMøn,1\nMån,2\nBonn,3\n"));

            var file = MovementFile.Load(path, "town", "qty", limit: null);

            Assert.Equal(["Bonn"], file.Ids);
            Assert.Equal(2, file.BadRowCount);
            Assert.Equal(new BadRow(2, "it has bytes that are no UTF-8 (save the file as UTF-8)"), file.BadRows[0]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_byte_order_mark_and_windows_line_ends_do_no_harm()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, .. "product,qty\r\napple,1\r\n"u8]);
            Assert.Equal([("apple", 1L)], Movements(MovementFile.Load(path, "product", "qty", null)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_limit_ends_the_reading() => Assert.Equal(2, Read("product,qty\na,1\nb,x\nc,1\nd,1\n", limit: 2).Count);

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("product,amount\n", "--amount 'qty' is no column")]
    [InlineData("product,qty,QTY\n", "names 2 columns")]
    [InlineData("\"product,qty\n", "malformed")]
    public void A_file_without_its_columns_is_refused_with_the_reason(string text, string reason)
    {
        var error = Assert.Throws<UsageException>(() => Read(text));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        var error = Assert.Throws<UsageException>(() => MovementFile.Load("/nowhere/x.csv", "product", "qty", null));
        Assert.Contains("/nowhere/x.csv", error.Message, StringComparison.Ordinal);
    }

    private static MovementFile Read(string text, string key = "product", string amount = "qty", long? limit = null)
        => MovementFile.Read(new StringReader(text), "x.csv", key, amount, limit);

    private static IEnumerable<(string Id, long Amount)> Movements(MovementFile file)
    {
        for (var i = 0L; i < file.Count; i++)
        {
            yield return (file.Ids[file[i].Product], file[i].Amount);
        }
    }
}
