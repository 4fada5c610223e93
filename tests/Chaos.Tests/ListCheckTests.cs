using Chaos.Checks;
using Chaos.Histories;
using static Chaos.Tests.Called;

namespace Chaos.Tests;

public sealed class ListCheckTests
{
    [Fact]
    public void A_right_history_with_all_outcomes_is_accepted()
        => Assert.Empty(ListCheck.Run(
            "k",
            [
                Ok(Operations.Append, "a", 0, 10, "1"),
                Ok(Operations.AppendThrough, "b", 5, 20, "2/2"),
                Unknown(Operations.Append, "c", 30),
                Unknown(Operations.Append, "d", 30),
                Failed(Operations.Append, "e", 30, 40),
                Ok(Operations.AppendOnce, "f", 50, 60, "4"),
                Ok(Operations.AppendOnce, "f", 70, 80, "4"),
                Ok(Operations.ReadList, "", 61, 62, "4/f"),
                Ok(Operations.ReadList, "", 0, 62, "0/"),
            ],
            "a,b,c,f",
            Losses.None));

    [Fact]
    public void An_acknowledged_element_that_is_missing_is_found()
        => Finds("acknowledged is there", "a", Ok(Operations.Append, "a", 0, 10, "1"), Ok(Operations.Append, "b", 20, 30, "2"));

    [Fact]
    public void An_element_that_is_there_twice_is_found()
        => Finds("exactly once", "a,a", Ok(Operations.AppendOnce, "a", 0, 10, "1"));

    [Fact]
    public void An_element_that_nobody_appended_is_found()
        => Finds("nothing made up", "a,b", Ok(Operations.Append, "a", 0, 10, "1"));

    [Fact]
    public void An_element_whose_append_failed_for_certain_is_found()
        => Finds("failed is not there", "a", Failed(Operations.Append, "a", 0, 10));

    [Fact]
    public void An_order_against_real_time_is_found()
        => Finds("real-time order", "b,a", Ok(Operations.Append, "a", 0, 10, "2"), Ok(Operations.Append, "b", 20, 30, "1"));

    [Fact]
    public void A_read_of_less_than_was_seen_before_is_found()
        => Finds(
            "a read never goes back",
            "a,b",
            Ok(Operations.Append, "a", 0, 10, "1"),
            Ok(Operations.Append, "b", 11, 12, "2"),
            Ok(Operations.ReadList, "", 20, 30, "1/a"));

    [Fact]
    public void A_read_of_what_was_never_so_is_found()
        => Finds(
            "a read never goes back",
            "a,b",
            Ok(Operations.Append, "a", 0, 100, "1"),
            Ok(Operations.Append, "b", 0, 100, "2"),
            Ok(Operations.ReadList, "", 20, 30, "1/b"));

    [Fact]
    public void A_write_below_what_was_seen_before_is_found()
        => Finds(
            "a write goes on top",
            "a,b",
            Ok(Operations.ReadList, "", 0, 10, "2/b"),
            Ok(Operations.Append, "b", 20, 30, "2"),
            Unknown(Operations.Append, "a", 0));

    [Fact]
    public void A_write_through_that_is_not_in_the_row_is_found()
        => Finds("written through", "a,b", Ok(Operations.Append, "a", 0, 10, "1"), Ok(Operations.AppendThrough, "b", 20, 30, "2/1"));

    [Fact]
    public void A_write_through_that_was_accepted_without_a_place_has_to_be_there()
    {
        Assert.Empty(ListCheck.Run("k", [Ok(Operations.AppendThrough, "a", 0, 10)], "a", Losses.None));
        Finds("acknowledged is there", null, Ok(Operations.AppendThrough, "a", 0, 10));
    }

    [Theory]
    [InlineData("k=2", false)]
    [InlineData("k=1", true)]
    [InlineData("k=0", true)]
    public void A_flush_that_is_told_to_be_clean_while_a_row_is_behind_is_found(string rows, bool isFound)
    {
        Event[] appends =
        [
            Ok(Operations.Append, "a", 0, 10, "1"), Ok(Operations.Append, "b", 20, 30, "2"), Ok(Operations.Append, "c", 30, 50, "3"),
        ];

        var findings = ListCheck.Clean(
            [Ok(Operations.FlushAll, "", 40, 60, rows)], appends.ToLookup(static call => call.Key), Losses.None);

        Assert.Equal(isFound, findings.Any());
    }

    private static void Finds(string check, string? row, params Event[] events)
        => Assert.Contains(ListCheck.Run("k", events, row, Losses.None), finding => finding.Check == check);
}
