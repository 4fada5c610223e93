namespace WriteBehind.Benchmarks.Measuring;

/// <summary>The medians of one contender's turns, as the JSON has them.</summary>
public sealed record Measurement
{
    /// <summary>The group's number.</summary>
    public required int Group { get; init; }

    /// <summary>What is counted.</summary>
    public required string Unit { get; init; }

    /// <summary>Which of the group's cases; empty where there is only one.</summary>
    public required string Case { get; init; }

    public required string Name { get; init; }

    public bool IsBaseline { get; init; }

    public double? OpsPerSecond { get; init; }

    /// <summary>Latencies are null where an operation has none of its own.</summary>
    public double? P50Ms { get; init; }

    public double? P99Ms { get; init; }

    public double? AllocatedBytesPerOp { get; init; }

    /// <summary>Processor time of this process per operation, in microseconds.</summary>
    public double? OwnCpuUsPerOp { get; init; }

    /// <summary>Processor time of Redis per operation, in microseconds.</summary>
    public double? RedisCpuUsPerOp { get; init; }

    /// <summary>Operations per second against the baseline of the case.</summary>
    public double? Ratio { get; init; }

    /// <summary>Largest less smallest turn, as a share of the median.</summary>
    public double? Spread { get; init; }

    /// <summary>Further figures of the group, by name.</summary>
    public IReadOnlyDictionary<string, double>? Figures { get; init; }

    public static Measurement Of(IBenchmarkGroup group, string test, string name, IReadOnlyList<Sample> samples, Measurement? baseline)
    {
        ArgumentNullException.ThrowIfNull(group);
        double[] rates = [.. samples.Select(sample => sample.OperationsPerSecond)];
        var rate = Median.Of(rates);
        var hasLatency = samples[0].Result.Latencies is not null;
        return new Measurement
        {
            Group = group.Number,
            Unit = group.Unit,
            Case = test,
            Name = name,
            IsBaseline = baseline is null,
            OpsPerSecond = rate,
            P50Ms = hasLatency ? Median.Of(samples.Select(sample => sample.Result.Latencies!.PercentileMilliseconds(0.5))) : null,
            P99Ms = hasLatency ? Median.Of(samples.Select(sample => sample.Result.Latencies!.PercentileMilliseconds(0.99))) : null,
            AllocatedBytesPerOp = Median.Of(samples.Select(sample => sample.AllocatedPerOperation)),
            OwnCpuUsPerOp = Median.Of(samples.Select(sample => sample.OwnMicrosecondsPerOperation)),
            RedisCpuUsPerOp = Median.Of(samples.Select(sample => sample.RedisMicrosecondsPerOperation)),
            Ratio = rate / (baseline?.OpsPerSecond ?? rate),
            Spread = Median.SpreadOf(rates),
            Figures = samples[0].Figures?.ToDictionary(
                figure => figure.Key, figure => Median.Of(samples.Select(sample => sample.Figures![figure.Key]))),
        };
    }
}
