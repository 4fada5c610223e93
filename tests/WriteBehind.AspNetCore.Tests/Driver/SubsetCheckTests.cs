using Proof.Verification;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class SubsetCheckTests
{
    [Theory]
    [InlineData(new long[] { }, 0, 0, true)]
    [InlineData(new long[] { }, 1, 0, false)]
    [InlineData(new long[] { }, 0, 1, false)]
    [InlineData(new long[] { 5 }, 0, 0, true)]
    [InlineData(new long[] { 5 }, 1, 5, true)]
    [InlineData(new long[] { 5 }, 0, 5, false)]
    [InlineData(new long[] { 5 }, 1, 0, false)]
    [InlineData(new long[] { 5 }, 2, 10, false)]
    [InlineData(new long[] { 2, 3, -5 }, 3, 0, true)]
    [InlineData(new long[] { 2, 3, -5 }, 2, -2, true)]
    [InlineData(new long[] { 2, 3, -5 }, 1, -2, false)]
    [InlineData(new long[] { 0, 0 }, 1, 0, true)]
    [InlineData(new long[] { 0, 0 }, 3, 0, false)]
    [InlineData(new long[] { 1, 1, 1 }, -1, -1, false)]
    public void Small_cases(long[] amounts, long count, long sum, bool explained)
        => Assert.Equal(explained ? SubsetVerdict.Explained : SubsetVerdict.Unexplained, SubsetCheck.Check(amounts, count, sum));

    [Fact]
    public void It_agrees_with_trying_every_subset()
    {
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            var amounts = Enumerable.Range(0, random.Next(1, 11)).Select(_ => (long)random.Next(-6, 7)).ToArray();
            var reachable = Enumerable.Range(0, 1 << amounts.Length)
                .Select(subset => amounts.Where((_, i) => (subset >> i & 1) == 1).ToList())
                .Select(chosen => (chosen.Count, chosen.Sum()))
                .ToHashSet();
            for (var count = -1; count <= amounts.Length + 1; count++)
            {
                for (var sum = -30L; sum <= 30; sum++)
                {
                    var expected = reachable.Contains((count, sum)) ? SubsetVerdict.Explained : SubsetVerdict.Unexplained;
                    Assert.Equal(expected, SubsetCheck.Check(amounts, count, sum));
                }
            }
        }
    }

    [Fact]
    public void Hundreds_of_usual_amounts_are_decided_exactly()
    {
        var amounts = Enumerable.Range(0, 300).Select(i => (long)(i % 13) - 4).ToArray();
        Assert.Equal(SubsetVerdict.Explained, SubsetCheck.Check(amounts, 150, amounts.Take(150).Sum()));
        Assert.Equal(SubsetVerdict.Unexplained, SubsetCheck.Check(amounts, 1, 9));
        Assert.Equal(SubsetVerdict.Unexplained, SubsetCheck.Check(amounts.Select(amount => amount * 2), 150, 301));
    }

    [Fact]
    public void The_largest_amounts_do_not_overflow()
    {
        long[] amounts = [long.MaxValue, long.MaxValue, long.MinValue];
        Assert.Equal(SubsetVerdict.Explained, SubsetCheck.Check(amounts, 2, (Int128)long.MaxValue * 2));
        Assert.Equal(SubsetVerdict.Unexplained, SubsetCheck.Check(amounts, 2, -2));
    }

    [Fact]
    public void What_can_not_be_decided_is_said_and_not_passed()
    {
        var amounts = Enumerable.Range(0, 60).Select(i => 1L << i).ToArray();
        Assert.Equal(SubsetVerdict.Undecided, SubsetCheck.Check(amounts.Select(amount => amount - (1L << 40)), 30, 12345));
    }
}
