using System.CommandLine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.CommandLine;

namespace Microsoft.Extensions.Hosting;

/// <summary>Runs the operator's commands in a program that has the engine.</summary>
public static class WriteBehindCommandLineExtensions
{
    /// <summary>
    /// Runs a command of the operator's if <paramref name="args"/> begin with the word <c>writebehind</c>
    /// (<see cref="WriteBehindCommandOptions.Name"/>); otherwise does nothing and returns null, and the program goes on as ever. Call it
    /// between <c>Build</c> and <c>Run</c>: the host need not be started, and is not. The engine connects to Redis and checks what it
    /// checks at a start, but flushes nothing by itself.
    /// </summary>
    /// <remarks>
    /// <c>writebehind --help</c> lists the commands. What they find goes to standard output, as text or with <c>--json</c> as JSON, in
    /// which durations are numbers of seconds. Errors and questions go to standard error, and so does what the host's console logger
    /// writes.
    /// </remarks>
    /// <param name="host">The host, which has the engine among its services.</param>
    /// <param name="args">The program's arguments.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>
    /// Null where the arguments name no command. Else the exit code: 0 done; 1 failed, not there, not all done, or something differs; 2 the
    /// command line is wrong; 130 interrupted.
    /// </returns>
    public static async Task<int?> RunWriteBehindCommandsAsync(
        this IHost host, string[] args, Action<WriteBehindCommandOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(args);
        var options = new WriteBehindCommandOptions();
        configure?.Invoke(options);
        if (args.Length == 0 || args[0] != options.Name)
        {
            return null;
        }

        var root = new RootCommand(
            "Commands for operators of WriteBehind. Exit code: 0 done; 1 failed, not there, not all done, or something differs; 2 the " +
            "command line is wrong; 130 interrupted.");
        foreach (var verb in Verbs.All(Call.Here(host, options)))
        {
            root.Add(verb);
        }

        // An id may begin with @, and is then no file with more arguments.
        var parsed = root.Parse(args[1..], new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await options.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
            }

            await options.Error.WriteLineAsync($"See {options.Name} --help.").ConfigureAwait(false);
            return Call.Usage;
        }

        if (options.Output == Console.Out)
        {
            KeepLogsOffOutput(host.Services);
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { Output = options.Output, Error = options.Error })
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Has the console logger write to standard error: results go to standard output, where a script may read them. That is a setting of
    /// its, and whoever has no such logger, or has set it up past the configuration, is not concerned.
    /// </summary>
    private static void KeepLogsOffOutput(IServiceProvider services)
    {
        if (services.GetService<IConfiguration>() is IConfigurationRoot configuration && configuration.Providers.Any())
        {
            configuration["Logging:Console:LogToStandardErrorThreshold"] = nameof(LogLevel.Trace);
            configuration.Reload();
        }
    }
}
