namespace WriteBehind.Benchmarks.Measuring;

public static class Median
{
    /// <summary>The one in the middle; of an even number the mean of the two.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>How far the values lie apart: largest less smallest, as a share of the median.</summary>
    public static double SpreadOf(IReadOnlyCollection<double> values)
        => Of(values) is var median and > 0 ? (values.Max() - values.Min()) / median : 0;
}
