using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.CommandLine;

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
