using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Client.Output;

/// <summary>Says what a command found: to people as text and tables, to scripts as JSON.</summary>
internal sealed class Printer(bool json, IAnsiConsole console)
{
    private const int WidthOfFiles = 240;

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Shows a result.</summary>
    /// <param name="value">It, for scripts.</param>
    /// <param name="text">Shows it to people.</param>
    public void Show(object? value, Action<Printer> text)
    {
        if (json)
        {
            console.Profile.Out.Writer.WriteLine(JsonSerializer.Serialize(value, Format));
        }
        else
        {
            text(this);
        }
    }

    public void Line(string text) => console.Profile.Out.Writer.WriteLine(text);

    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        // Where nobody looks at it, it need not fit a screen.
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = Math.Max(console.Profile.Width, WidthOfFiles);
        }

        var table = new Table().RoundedBorder();
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column)).NoWrap());
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        console.Write(table);
    }
}
