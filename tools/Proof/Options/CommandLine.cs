using System.CommandLine;

namespace Proof.Options;

/// <summary>Runs a command line.</summary>
public static class CommandLine
{
    public static async Task<int> RunAsync(Command command, string[] args)
    {
        ArgumentNullException.ThrowIfNull(command);

        // An id may begin with @, and is then no file with more arguments.
        var parsed = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync("See --help.");
            return ExitCode.Usage;
        }

        // The commands have their own way to stop (draining a service may take half a minute), so the library's time-out is off.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }
}
