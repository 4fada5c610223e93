using Proof.Load;
using Proof.Workload;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class LoadPartsTests
{
    [Fact]
    public void Percentiles_are_right_to_within_a_hundredth()
    {
        var histogram = new LatencyHistogram();
        for (var i = 1; i <= 10_000; i++)
        {
            histogram.Record(TimeSpan.FromMicroseconds(i * 10));
        }

        Assert.InRange(histogram.PercentileMilliseconds(0.5), 49.5, 50.5);
        Assert.InRange(histogram.PercentileMilliseconds(0.99), 98.0, 100.0);
        Assert.InRange(histogram.PercentileMilliseconds(1), 99.0, 101.0);
    }

    [Fact]
    public void The_histogram_takes_any_duration()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal(0, histogram.PercentileMilliseconds(0.5));
        histogram.Record(TimeSpan.Zero);
        Assert.Equal(0, histogram.PercentileMilliseconds(1));
        histogram.Record(TimeSpan.MaxValue);
        Assert.InRange(
            histogram.PercentileMilliseconds(1), TimeSpan.MaxValue.TotalMilliseconds * 0.99, TimeSpan.MaxValue.TotalMilliseconds * 1.01);
    }

    [Fact]
    public void A_seed_makes_the_same_movements_again_and_another_one_others()
    {
        Assert.Equal(Take(new(1_000, 50, 7)), Take(new(1_000, 50, 7)));
        Assert.NotEqual(Take(new(1_000, 50, 7)), Take(new(1_000, 50, 8)));
    }

    [Fact]
    public void The_first_products_are_moved_far_more_than_the_last()
    {
        var moves = Take(new(100_000, 1_000, 1)).CountBy(change => change.Product).ToDictionary();

        // The harmonic number of 1,000 is about 7.5: the first product's share is 1/7.5, the tenth's a tenth of that.
        Assert.InRange(moves[0], 12_500, 14_300);
        Assert.InRange(moves[9], 1_150, 1_550);
    }

    [Fact]
    public void Every_movement_moves_something()
        => Assert.Equal(
            [-4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8], Take(new(10_000, 10, 1)).Select(change => change.Amount).Distinct().Order());

    private static List<StockChange> Take(SkewedWorkload workload)
        => [.. Enumerable.Range(0, (int)workload.Count).Select(i => workload[i])];
}
