using System.CommandLine;
using WriteBehind.Benchmarks.Cluster;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Recovery;
using WriteBehind.Benchmarks.Reporting;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks;

/// <summary>The command line: measure, or bring what was measured into the README.</summary>
public static class BenchmarkProgram
{
    private const string RedisVariable = "WRITEBEHIND_REDIS";
    private const string PostgresVariable = "WRITEBEHIND_POSTGRES";

    /// <summary>
    /// Runs it, or the process that recovers for group 6 (<see cref="RecoveryChild"/>) or is a silo of group 11 (<see cref="SiloChild"/>);
    /// returns the exit code.
    /// </summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        if (args is [RecoveryProcess.Command, .. var rest])
        {
            return await RecoveryChild.RunAsync(ServersFromEnvironment(), rest);
        }

        if (args is [SiloChild.Command, .. var ofSilo])
        {
            return await SiloChild.RunAsync(ServersFromEnvironment(), ofSilo);
        }

        var quick = new Option<bool>("--quick") { Description = "A rough answer in under five minutes." };
        var json = new Option<FileInfo?>("--json") { Description = "Also writes the results to this file." };
        var readme = new Option<FileInfo?>("--readme")
        {
            Description = "Measures nothing; brings the results in this file into README.md and docs/performance.md.",
        };
        var only = new Option<int[]>("--group") { Description = "Only these groups.", AllowMultipleArgumentsPerToken = true };
        var command = new RootCommand("Measures this project beside its alternatives.") { quick, json, readme, only };
        command.SetAction(async parsed =>
        {
            if (parsed.GetValue(readme) is { } file)
            {
                return await Documents.UpdateAsync(file);
            }

            var groups = BenchmarkGroups.All;
            var wanted = parsed.GetValue(only) is { Length: > 0 } numbers ? numbers : [.. groups.Select(group => group.Number)];
            var unknown = wanted.Except(groups.Select(group => group.Number)).ToArray();
            if (unknown.Length > 0)
            {
                var known = string.Join(", ", groups.Select(group => group.Number));
                await Console.Error.WriteLineAsync($"There is no group {string.Join(", ", unknown)} here; there are {known}.");
                return 2;
            }

            return await MeasureAsync(
                [.. groups.Where(group => wanted.Contains(group.Number))], parsed.GetValue(quick), parsed.GetValue(json));
        });
        return await Proof.Options.CommandLine.RunAsync(command, args);
    }

    private static async Task<int> MeasureAsync(IReadOnlyList<IBenchmarkGroup> groups, bool isQuick, FileInfo? json)
    {
        // Opened first, as a path that can't be written should not come out after a quarter of an hour; but what an earlier run left
        // there stays until there is something to put in its workspace.
        await using var file = json?.Open(FileMode.OpenOrCreate, FileAccess.Write);
        var servers = ServersFromEnvironment();
        using var redis = await servers.ConnectRedisAsync();
        var report = new Report(await Machine.LookAsync(servers), isQuick);
        report.WriteHeader();
        foreach (var group in groups)
        {
            report.Begin(group);
            await group.RunAsync(new BenchmarkRun(group, servers, new CpuMeter(redis.GetDatabase()), isQuick, report));
            report.End();
        }

        report.WriteFooter();
        if (file is not null)
        {
            file.SetLength(0);
            await report.SaveAsync(file);
        }

        return 0;
    }

    private static BenchmarkServers ServersFromEnvironment() => new(Required(RedisVariable), Required(PostgresVariable));

    private static string Required(string variable)
        => Environment.GetEnvironmentVariable(variable)
            ?? throw new InvalidOperationException($"{variable} is not set; ./bench.sh starts servers and sets it.");
}
