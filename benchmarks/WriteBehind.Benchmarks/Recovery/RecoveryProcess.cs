using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Recovery;

/// <summary>This program once more, as a process of its own: what it takes in memory is then its own as well.</summary>
internal static class RecoveryProcess
{
    /// <summary>The argument that makes this program such a process.</summary>
    public const string Command = "recover";

    /// <summary>Lets a new process recover what is dirty in a workspace.</summary>
    public static async Task<RecoveryFigures> RunAsync(Workspace workspace)
    {
        // Servers, with their passwords, are in the environment.
        var start = new ProcessStartInfo("dotnet", [Assembly.GetEntryAssembly()!.Location, Command, workspace.Prefix])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };

        // As Silo/Silo.csproj has it.
        start.Environment["DOTNET_gcServer"] = "0";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 && JsonSerializer.Deserialize<RecoveryFigures>(output) is { } figures
            ? figures
            : throw new InvalidOperationException($"The recovering process ended with code {process.ExitCode}: {output}");
    }
}
