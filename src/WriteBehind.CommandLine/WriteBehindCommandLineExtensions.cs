using System.CommandLine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Engine;

namespace WriteBehind.CommandLine;

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
        Command[] verbs = [.. Verbs.All(host, options), DeadVerbs.Make(host, options)];
        foreach (var verb in verbs)
        {
            root.Add(verb);
        }

        var parsed = root.Parse(args[1..]);
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

/// <summary>The settings of <see cref="WriteBehindCommandLineExtensions.RunWriteBehindCommandsAsync"/>.</summary>
public sealed class WriteBehindCommandOptions
{
    /// <summary>
    /// The first argument, by which a command is told from the program's own arguments; default <c>writebehind</c>.
    /// </summary>
    public string Name { get; set; } = "writebehind";

    /// <summary>Who gives the commands, for the log and for pauses; default the user's name and the machine's.</summary>
    public string By { get; set; } = $"{Environment.UserName}@{Environment.MachineName}";

    /// <summary>Where results go; default standard output.</summary>
    public TextWriter Output { get; set; } = Console.Out;

    /// <summary>Where errors and questions go; default standard error.</summary>
    public TextWriter Error { get; set; } = Console.Error;

    /// <summary>
    /// Where the answer to a question comes from; default standard input, or null where that is no terminal: then what needs a
    /// confirmation is refused without <c>--yes</c>.
    /// </summary>
    public TextReader? Input { get; set; } = Console.IsInputRedirected ? null : Console.In;
}

/// <summary>One call of a command.</summary>
internal sealed partial class Call(
    IHost host, WriteBehindCommandOptions options, ParseResult arguments, CancellationToken stop)
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    private const int Interrupted = 130;

    public static readonly Option<bool> Json = new("--json") { Description = "Print the result as JSON; durations are seconds." };

    public ParseResult Arguments => arguments;

    public CancellationToken Stop => stop;

    public string By => options.By;

    public IWriteBehindEngine Engine { get; } = host.Services.GetRequiredService<IWriteBehindEngine>();

    public Printer Printer { get; } = new(options.Output, arguments.GetValue(Json));

    /// <summary>Makes a command.</summary>
    public static Command Make(
        IHost host,
        WriteBehindCommandOptions options,
        string name,
        string description,
        IEnumerable<Symbol> symbols,
        Func<Call, Task<int>> action)
    {
        var command = new Command(name, description) { Json };
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
            {
                command.Add(option);
            }
            else
            {
                command.Add((Argument)symbol);
            }
        }

        command.SetAction((arguments, stop) => RunAsync(host, options, arguments, action, stop));
        return command;
    }

    /// <summary>Notes in the log what an operator did.</summary>
    public void Note(string action)
        => Noted(host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("WriteBehind.CommandLine"), By, action);

    /// <summary>Says something that is no result.</summary>
    public Task TellAsync(string text) => options.Error.WriteLineAsync(text);

    /// <summary>Whether the operator says yes, on the command line or when asked.</summary>
    /// <exception cref="UsageException">Nobody is there to be asked.</exception>
    public async Task<bool> ConfirmAsync(Option<bool> yes, string question)
    {
        if (arguments.GetValue(yes))
        {
            return true;
        }

        if (options.Input is not { } input)
        {
            throw new UsageException($"{question} Nobody is there to be asked: say --yes.");
        }

        await options.Error.WriteAsync($"{question} [y/N] ").ConfigureAwait(false);
        await options.Error.FlushAsync(stop).ConfigureAwait(false);
        var answer = await input.ReadLineAsync(stop).ConfigureAwait(false);
        return answer?.Trim() is "y" or "Y" or "yes";
    }

    /// <summary>Types that are named, or all of them.</summary>
    /// <exception cref="UnknownEntityTypeException">There is no such type.</exception>
    public IReadOnlyList<string> TypesOf(string[]? names)
    {
        foreach (var name in names ?? [])
        {
            _ = Engine.OptionsOf(name);
        }

        return names is { Length: > 0 } ? [.. names.Distinct(StringComparer.Ordinal)] : [.. Engine.Types];
    }

    private static async Task<int> RunAsync(
        IHost host, WriteBehindCommandOptions options, ParseResult arguments, Func<Call, Task<int>> action, CancellationToken stop)
    {
        try
        {
            var call = new Call(host, options, arguments, stop);
            await host.Services.GetRequiredService<IEngineControl>().ConnectAsync(stop).ConfigureAwait(false);
            return await action(call).ConfigureAwait(false);
        }
        catch (UsageException e)
        {
            await options.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return Usage;
        }
        catch (Exception e) when (e is UnknownEntityTypeException or InvalidEntityIdException)
        {
            await options.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return Usage;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (WriteBehindException e)
        {
            await options.Error.WriteLineAsync($"FAILED: {e.Message}").ConfigureAwait(false);
            return Failed;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "By command line, {By}: {Action}")]
    private static partial void Noted(ILogger logger, string by, string action);
}

/// <summary>The command line is wrong in a way that its parser does not see.</summary>
internal sealed class UsageException(string message) : Exception(message);
