namespace WriteBehind.Benchmarks;

/// <summary>A group of contenders that are measured beside each other.</summary>
public interface IBenchmarkGroup
{
    /// <summary>What it is called on the command line and in the JSON.</summary>
    int Number { get; }

    /// <summary>What is measured, in a few words.</summary>
    string Title { get; }

    /// <summary>What it is that is counted per second: "writes", "rows".</summary>
    string Unit { get; }

    Task RunAsync(BenchmarkRun run);
}
