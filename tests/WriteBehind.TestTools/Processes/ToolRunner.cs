using System.Diagnostics;

namespace WriteBehind.TestTools.Processes;

/// <summary>Runs a short-lived program to its end.</summary>
internal static class ToolRunner
{
    /// <summary>Runs it and returns what it wrote to standard output.</summary>
    /// <exception cref="InvalidOperationException">It ended with another code than 0; the message has its error output.</exception>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, string? user = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UserName = user,
            WorkingDirectory = "/",
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} ended with code {process.ExitCode}: {await errors}{await output}");
    }
}
