using System.Runtime;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Cluster;

/// <summary>The side of a process that is one silo of a cluster.</summary>
internal static class SiloChild
{
    /// <summary>The argument that makes this program such a process.</summary>
    public const string Command = "silo";

    /// <summary>What it says once it is ready.</summary>
    public const string Ready = "ready";

    /// <summary>
    /// Is a silo until its input ends, which it also does where the benchmark is killed. To each line it answers how many methods the
    /// runtime has compiled.
    /// </summary>
    public static async Task<int> RunAsync(BenchmarkServers servers, string[] args)
    {
        await using var silo = await SiloHost.StartAsync(new Workspace(servers, args[0]), isInCluster: true);
        Console.WriteLine(Ready);
        await Task.Run(() =>
        {
            while (Console.ReadLine() is not null)
            {
                Console.WriteLine(JitInfo.GetCompiledMethodCount());
            }
        });
        return 0;
    }
}
