using System.Diagnostics;
using Cluster.Tests.Support;
using Xunit.Abstractions;

namespace Cluster.Tests;

/// <summary>
/// Faults drawn from a seed, one after the other. WRITEBEHIND_CLUSTER_SECONDS sets for how long (one fault unless said otherwise),
/// WRITEBEHIND_CLUSTER_SEED which ("random" for new ones). A failure names the seed.
/// </summary>
[Collection(RunningCluster.Collection)]
public sealed class SoakTests(RunningCluster cluster, ITestOutputHelper output)
{
    [Fact]
    public async Task Faults_of_all_kinds_in_any_order_lose_nothing()
    {
        var check = new FaultCheck(cluster, RunSettings.Seed);
        var random = new Random(RunSettings.Seed);
        var started = Stopwatch.GetTimestamp();
        do
        {
            var fault = Fault.All[random.Next(Fault.All.Count)];
            output.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s: {fault.Name}");
            await check.RunAsync(fault);
        }
        while (Stopwatch.GetElapsedTime(started) < RunSettings.SoakTime);
    }
}
