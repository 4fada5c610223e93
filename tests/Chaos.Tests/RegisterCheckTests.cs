using Chaos.Checks;
using Chaos.Histories;
using static Chaos.Tests.Called;

namespace Chaos.Tests;

public sealed class RegisterCheckTests
{
    [Fact]
    public void Calls_that_overlap_may_come_in_any_order()
        => Assert.Empty(RegisterCheck.Run(
            "k",
            [
                Ok(Operations.Put, "a", 0, 100),
                Ok(Operations.Put, "b", 0, 100),
                Ok(Operations.Read, "", 10, 20, "b"),
                Ok(Operations.Read, "", 30, 40, "a"),
                Ok(Operations.Swap, "a>c", 50, 120),
                Ok(Operations.Read, "", 0, 5),
            ],
            "c",
            Losses.None));

    [Fact]
    public void A_read_of_what_was_overwritten_before_it_is_found()
        => Finds("b", Ok(Operations.Put, "a", 0, 10), Ok(Operations.Put, "b", 20, 30), Ok(Operations.Read, "", 40, 50, "a"));

    [Fact]
    public void A_row_that_lacks_the_last_write_is_found()
        => Finds("a", Ok(Operations.Put, "a", 0, 10), Ok(Operations.Put, "b", 20, 30));

    [Fact]
    public void A_row_that_was_deleted_and_is_there_is_found()
        => Finds("a", Ok(Operations.Put, "a", 0, 10), Ok(Operations.Delete, "", 20, 30));

    [Fact]
    public void A_swap_of_a_value_that_was_gone_is_found()
        => Finds("c", Ok(Operations.Put, "a", 0, 10), Ok(Operations.Put, "b", 20, 30), Ok(Operations.Swap, "a>c", 40, 50));

    [Fact]
    public void Two_swaps_of_one_value_are_found()
        => Finds("c", Ok(Operations.Put, "a", 0, 10), Ok(Operations.Swap, "a>b", 20, 50), Ok(Operations.Swap, "a>c", 20, 50));

    [Fact]
    public void Reads_that_see_two_writes_in_different_orders_are_found()
        => Finds(
            "b",
            Ok(Operations.Put, "a", 0, 100),
            Ok(Operations.Put, "b", 0, 100),
            Ok(Operations.Read, "", 10, 20, "a"),
            Ok(Operations.Read, "", 30, 40, "b"),
            Ok(Operations.Read, "", 50, 60, "a"));

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public void A_write_of_unknown_outcome_may_have_taken_effect_or_not(string row)
        => Assert.Empty(RegisterCheck.Run("k", [Ok(Operations.Put, "a", 0, 10), Unknown(Operations.Put, "b", 20)], row, Losses.None));

    [Fact]
    public void A_write_of_unknown_outcome_that_was_seen_has_taken_effect_by_then()
        => Finds(
            "a",
            Ok(Operations.Put, "a", 0, 10),
            Unknown(Operations.Put, "b", 20),
            Ok(Operations.Read, "", 30, 40, "b"));

    [Fact]
    public void A_write_that_failed_for_certain_and_is_there_is_found()
        => Finds("b", Ok(Operations.Put, "a", 0, 10), Failed(Operations.Put, "b", 20, 30));

    [Fact]
    public void A_hundred_calls_at_once_with_many_unknown_ones_are_decided()
    {
        var calls = Enumerable.Range(0, 100)
            .Select(static i => i % 4 == 3
                ? Unknown(Operations.Put, $"{i}", 10 * i)
                : Ok(Operations.Put, $"{i}", 10 * i, (10 * i) + 95))
            .ToList();
        calls.AddRange(Enumerable.Range(0, 50).Select(static i => Ok(Operations.Read, "", (20 * i) + 5, (20 * i) + 25, $"{2 * i}")));

        Assert.Empty(RegisterCheck.Run("k", calls, "98", Losses.None));
    }

    private static void Finds(string? row, params Event[] events)
        => Assert.Contains(RegisterCheck.Run("k", events, row, Losses.None), static finding => finding.Check == "linearizable");
}
