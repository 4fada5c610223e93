using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;
using WriteBehind.Benchmarks.Micro;
using Measurement = WriteBehind.Benchmarks.Measuring.Measurement;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>The steps of a write one by one, by BenchmarkDotNet in this process.</summary>
internal sealed class MicroGroup : IBenchmarkGroup
{
    private static readonly TimeSpan LongestBenchmark = TimeSpan.FromMinutes(2);

    public int Number => 9;

    public string Title => "Micro: the steps of a write (BenchmarkDotNet)";

    public string Unit => "ops";

    public async Task RunAsync(BenchmarkRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        await using var workspace = await run.Servers.OpenWorkspaceAsync();
        MicroWorkspace.Current = workspace;
        MicroWorkspace.Servers = run.Servers;
        Type[] types =
        [
            typeof(WritePath), typeof(Serializer), typeof(ProofOfProduct), typeof(ProofOfCounts), typeof(ProofOfHiding), typeof(Keys),
            typeof(BatchForming),
        ];
        foreach (var type in types)
        {
            BenchmarkRun.Progress(type.Name);

            // BenchmarkDotNet blocks the thread that runs it.
            var summary = await Task.Run(() => BenchmarkRunner.Run(type, Config(run.IsQuick)));
            Add(run, type.Name, summary);
        }
    }

    private static ManualConfig Config(bool isQuick)
    {
        // Without emitted code: the other way of staying in the process (InProcessEmitToolchain) does not work on .NET 10.
        var job = Job.Default
            .WithToolchain(new InProcessNoEmitToolchain(LongestBenchmark, logOutput: false))
            .WithStrategy(RunStrategy.Throughput)
            .WithWarmupCount(isQuick ? 4 : 6)
            .WithIterationCount(isQuick ? 5 : 15)
            .WithIterationTime(TimeInterval.FromMilliseconds(isQuick ? 80 : 200));
        return ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddLogger(NullLogger.Instance)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), $"writebehind-benchmarks.{Environment.ProcessId}"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator);
    }

    private static void Add(BenchmarkRun run, string test, Summary summary)
    {
        if (summary.Reports.FirstOrDefault(report => report.ResultStatistics is null) is { } failed)
        {
            var errors = string.Join(' ', summary.ValidationErrors.Select(error => error.Message));
            throw new InvalidOperationException($"{failed.BenchmarkCase.DisplayInfo} gave no result. {errors}");
        }

        var baseline = summary.Reports.FirstOrDefault(report => report.BenchmarkCase.Descriptor.Baseline)?.ResultStatistics!.Median;
        foreach (var report in summary.Reports)
        {
            var statistics = report.ResultStatistics!;
            run.Report.Add(new Measurement
            {
                Group = run.Group.Number,
                Unit = run.Group.Unit,
                Case = test,
                Name = report.BenchmarkCase.Descriptor.WorkloadMethodDisplayInfo,
                IsBaseline = report.BenchmarkCase.Descriptor.Baseline,
                OpsPerSecond = 1e9 / statistics.Median,
                AllocatedBytesPerOp = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase),
                Ratio = baseline / statistics.Median,
                Spread = (statistics.Max - statistics.Min) / statistics.Median,
                Figures = new Dictionary<string, double> { ["ns"] = statistics.Median },
            });
        }
    }
}
