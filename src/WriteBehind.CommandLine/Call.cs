using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Engine;

namespace WriteBehind.CommandLine;

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

    /// <summary>Is told what a command changed, beside the log: for a journal of one's own. Default nobody.</summary>
    public Action<string>? Noted { get; set; }

    /// <summary>
    /// Where the answer to a question comes from; default standard input, or null where that is no terminal: then what needs a
    /// confirmation is refused without <c>--yes</c>.
    /// </summary>
    public TextReader? Input { get; set; } = Console.IsInputRedirected ? null : Console.In;
}

/// <summary>
/// The operator's commands for a program without the engine, such as a client of a cluster: their words, help and checks are here, and they
/// are carried out by a process that has it
/// (<see cref="Microsoft.Extensions.Hosting.WriteBehindCommandLineExtensions.RunWriteBehindCommandsAsync"/>).
/// </summary>
public static class WriteBehindRemoteCommands
{
    /// <summary>Makes the commands.</summary>
    /// <param name="run">
    /// Has a command carried out elsewhere, shows what it wrote, and gives its exit code. It is given what was parsed here, and the
    /// arguments to hand on: the command's own, without options of commands above it.
    /// </param>
    /// <returns>The commands, to be added to a root command.</returns>
    public static IReadOnlyList<Command> Create(Func<ParseResult, IReadOnlyList<string>, CancellationToken, Task<int>> run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return [.. Verbs.All((parsed, _, stop) => run(parsed, ArgumentsOf(parsed.CommandResult), stop))];
    }

    // Written anew from what was understood: options are joined with their values, and arguments come behind --, so that none of either
    // is taken for another where it begins with a dash.
    private static List<string> ArgumentsOf(CommandResult found)
    {
        List<string> arguments = [];
        for (var at = found; at.Parent is CommandResult parent; at = parent)
        {
            arguments.Insert(0, at.Command.Name);
        }

        var given = found.Command.Options.Select(found.GetResult).OfType<OptionResult>().Where(static option => !option.Implicit);
        foreach (var option in given)
        {
            arguments.Add(string.Join('=', (string[])[option.Option.Name, .. option.Tokens.Select(static token => token.Value)]));
        }

        arguments.Add("--");
        arguments.AddRange(found.Command.Arguments.Select(found.GetResult).OfType<ArgumentResult>()
            .SelectMany(static argument => argument.Tokens).Select(static token => token.Value));
        return arguments;
    }
}

/// <summary>Carries out a command that has been parsed.</summary>
internal delegate Task<int> CarryOut(ParseResult arguments, Func<Call, Task<int>> action, CancellationToken stop);

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

    /// <summary>Has a command carried out.</summary>
    public static Command Make(Command command, CarryOut carryOut, Func<Call, Task<int>> action)
    {
        command.Add(Json);
        command.SetAction((arguments, stop) => carryOut(arguments, action, stop));
        return command;
    }

    /// <summary>Carries commands out in this process.</summary>
    public static CarryOut Here(IHost host, WriteBehindCommandOptions options)
        => (arguments, action, stop) => RunAsync(host, options, arguments, action, stop);

    /// <summary>Notes in the log what an operator did.</summary>
    public void Note(string action)
    {
        Noted(host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("WriteBehind.CommandLine"), By, action);
        options.Noted?.Invoke(action);
    }

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
        if (answer?.Trim() is "y" or "Y" or "yes")
        {
            return true;
        }

        await TellAsync("Nothing was done.").ConfigureAwait(false);
        return false;
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

/// <summary>Says what a command found: to people as text and tables, to scripts as JSON.</summary>
internal sealed class Printer(TextWriter output, bool json)
{
    private const int WidestColumn = 100;

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(), new SecondsConverter() },
    };

    /// <summary>Shows a result.</summary>
    /// <param name="value">It, for scripts.</param>
    /// <param name="text">Shows it to people.</param>
    public void Show(object? value, Action<Printer> text)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(value, Format));
        }
        else
        {
            text(this);
        }
    }

    public void Line(string text) => output.WriteLine(text);

    /// <summary>A table with a line of heads; columns are as wide as they need to be, and no text breaks a line.</summary>
    public void Table(IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows)
    {
        IReadOnlyList<string>[] lines = [heads, .. rows.Select(static row => (IReadOnlyList<string>)[.. row.Select(OneLine)])];
        int[] widths = [.. heads.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (var line in lines)
        {
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Number(long? number) => number is { } some ? some.ToString(CultureInfo.InvariantCulture) : "";

    public static string Seconds(TimeSpan? time)
        => time is { } some ? string.Create(CultureInfo.InvariantCulture, $"{some.TotalSeconds:0.0} s") : "";

    public static string Time(DateTimeOffset? time) => time is { } some ? some.ToString("u", CultureInfo.InvariantCulture) : "";

    private static string OneLine(string cell)
    {
        var line = string.Concat(cell.Select(static c => char.IsControl(c) ? ' ' : c));
        return line.Length <= WidestColumn ? line : line[..(WidestColumn - 1)] + "…";
    }

    private sealed class SecondsConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => TimeSpan.FromSeconds(reader.GetDouble());

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options)
            => writer.WriteNumberValue(value.TotalSeconds);
    }
}
