using Chaos.Checks;
using Chaos.Histories;
using static Chaos.Tests.Called;

namespace Chaos.Tests;

/// <summary>
/// What may be missing where Redis lost what it alone had, and what may not. The loss is from 1,000 to 1,100 ms, and noticed five seconds
/// later.
/// </summary>
public sealed class LossesTests
{
    private static readonly DateTime Wall = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly Losses Lost = new([new("redis-emptied", long.MinValue, Ms(1_000), Ms(1_100), At(1_000), At(1_100))]);

    [Theory]
    [InlineData(0, false)]
    [InlineData(900, false)]
    [InlineData(5_000, false)]
    [InlineData(7_000, true)]
    public void An_element_of_before_may_be_missing_and_one_of_after_may_not(long began, bool isFound)
        => Assert.Equal(isFound, List("a", Ok(Operations.Append, "a", 0, 1, "1"), Ok(Operations.Append, "b", began, began + 1, "2")).Any());

    [Fact]
    public void Where_elements_were_lost_others_take_their_places()
    {
        Event[] calls =
        [
            Ok(Operations.Append, "a", 0, 1, "1"), Ok(Operations.Append, "lost", 10, 11, "2"),
            Ok(Operations.ReadList, "", 20, 21, "2/lost"),
            Ok(Operations.Append, "b", 7_000, 7_001, "2"), Ok(Operations.ReadList, "", 7_010, 7_011, "2/b"),
        ];

        Assert.Empty(List("a,b", calls));
        Assert.NotEmpty(List("a,b", [.. calls, Ok(Operations.ReadList, "", 7_020, 7_021, "1/a")]));
        Assert.NotEmpty(List("b,a", calls));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("", true)]
    [InlineData("b", true)]
    [InlineData("c", false)]
    public void A_register_may_go_back_to_anything_that_it_was(string row, bool isRight)
        => Assert.Equal(isRight, Register(row, Ok(Operations.Put, "a", 0, 1), Ok(Operations.Put, "b", 10, 11)));

    [Fact]
    public void From_then_on_a_register_is_linearizable()
    {
        Event[] calls =
        [
            Ok(Operations.Put, "a", 0, 1), Ok(Operations.Put, "b", 10, 11), Ok(Operations.Read, "", 7_000, 7_001, "a"),
            Ok(Operations.Put, "c", 7_010, 7_011),
        ];

        Assert.True(Register("c", calls));
        Assert.False(Register("a", calls));
        Assert.False(Register("c", [.. calls, Ok(Operations.Read, "", 7_020, 7_021, "b")]));
    }

    [Theory]
    [InlineData(11, true)]
    [InlineData(1, true)]
    [InlineData(10, false)]
    public void A_sum_may_lack_what_was_added_before(long row, bool isRight)
        => Assert.Equal(
            isRight,
            !SumCheck.Run("k", [Ok(Operations.Add, "10", 0, 1), Ok(Operations.Add, "1", 7_000, 7_001)], row, Lost).Any());

    [Fact]
    public void A_row_never_goes_back_and_keeps_what_it_had()
    {
        Assert.NotEmpty(Audit(Changed(null, 4, 500), Changed(4, 3, 1_200)));
        Assert.NotEmpty(Audit(Changed(null, 3, 10_000), Changed(3, 4, 20_000) with { IsKept = false }));
        Assert.Empty(Audit(Changed(3, null, 500), Changed(null, 1, 1_500)));
        Assert.NotEmpty(Audit(Changed(3, null, 10_000), Changed(null, 1, 11_000)));
    }

    [Fact]
    public void A_loss_of_which_nobody_tells_is_found()
    {
        Event[] calls =
        [
            Ok(Operations.Put, "a", 0, 1, process: "a"), Ok(Operations.Put, "b", 10, 11, process: "b"),
        ];

        Assert.NotEmpty(Lost.Told(calls));
        Assert.NotEmpty(Lost.Told([.. calls, Ok(Operations.Told, "", 900, 900)]));
        Assert.Empty(Lost.Told([.. calls, Ok(Operations.Told, "", 1_200, 1_200)]));
    }

    private static IEnumerable<Finding> List(string row, params Event[] calls) => ListCheck.Run("k", calls, row, Lost);

    private static bool Register(string row, params Event[] calls) => !RegisterCheck.Run("k", calls, row, Lost).Any();

    private static IEnumerable<Finding> Audit(params RowChange[] changes) => AuditCheck.Run(changes, Lost);

    private static RowChange Changed(long? before, long? after, long at) => new("t", "a", before, after, At(at));

    private static DateTime At(long ms) => Wall.AddMilliseconds(ms);
}
