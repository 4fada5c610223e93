using System.Globalization;
using System.Text;
using Proof.Workload;

namespace Proof.Input;

/// <summary>The movements of a CSV file. Rows that make no movement are counted, and the first of them are kept to be shown.</summary>
public sealed class MovementFile : IWorkload
{
    /// <summary>How many bad rows are kept; beyond it they are counted only.</summary>
    public const int BadRowsKept = 5;

    /// <summary>The engine's limit of an id, in UTF-8 bytes.</summary>
    private const int MaxIdBytes = 512;

    /// <summary>
    /// Stands for bytes that are no UTF-8: a character that no text has. As U+FFFD, which a text may have, two ids would become one.
    /// </summary>
    private const char Undecodable = '\uFFFF';

    private static readonly Encoding Utf8 = Encoding.GetEncoding(
        "utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(Undecodable.ToString()));

    private readonly List<string> _ids = [];
    private readonly Dictionary<string, int> _indexes = [];
    private readonly List<StockChange> _changes = [];
    private readonly List<BadRow> _badRows = [];

    private MovementFile()
    {
    }

    public long Count => _changes.Count;

    public IReadOnlyList<string> Ids => _ids;

    public long BadRowCount { get; private set; }

    public IReadOnlyList<BadRow> BadRows => _badRows;

    public StockChange this[long index] => _changes[(int)index];

    /// <summary>Reads a file.</summary>
    /// <exception cref="UsageException">It can't be read, or has no such column.</exception>
    public static MovementFile Load(string path, string keyColumn, string amountColumn, long? limit)
    {
        try
        {
            using var text = new StreamReader(path, Utf8, detectEncodingFromByteOrderMarks: true);
            return Read(text, path, keyColumn, amountColumn, limit);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"--input '{path}' can't be read: {e.Message}");
        }
    }

    /// <summary>The same from text that is open already.</summary>
    /// <exception cref="UsageException">There is no such column.</exception>
    public static MovementFile Read(TextReader text, string name, string keyColumn, string amountColumn, long? limit = null)
    {
        var file = new MovementFile();
        using var records = new CsvReader(text).Read().GetEnumerator();
        if (!records.MoveNext())
        {
            throw new UsageException($"--input '{name}' is empty; its first line must name the columns.");
        }

        var header = records.Current;
        if ((header.Problem ?? FindByteProblem(header)) is { } problem)
        {
            throw new UsageException($"--input '{name}', line {header.Line}: the line of the column names is malformed: {problem}.");
        }

        var key = FindColumn(header.Fields, "--key", keyColumn, name);
        var amount = FindColumn(header.Fields, "--amount", amountColumn, name);
        while (!(file.Count >= limit) && records.MoveNext())
        {
            file.Add(records.Current, header.Fields.Count, key, amount);
        }

        return file;
    }

    private static int FindColumn(IReadOnlyList<string> columns, string option, string wanted, string file)
    {
        var found = Enumerable.Range(0, columns.Count)
            .Where(i => string.Equals(columns[i].Trim(), wanted.Trim(), StringComparison.OrdinalIgnoreCase))
            .ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new UsageException($"{option} '{wanted}' is no column of '{file}'; its columns are: {string.Join(", ", columns)}."),
            _ => throw new UsageException($"{option} '{wanted}' names {found.Count} columns of '{file}'; rename one of them."),
        };
    }

    private void Add(CsvRecord record, int columns, int key, int amount)
    {
        var change = 0L;
        var problem = record.Problem
            ?? FindByteProblem(record)
            ?? (record.Fields.Count == columns ? null : $"{record.Fields.Count} columns instead of {columns}")
            ?? FindIdProblem(record.Fields[key])
            ?? FindAmountProblem(record.Fields[amount], out change);
        if (problem is null)
        {
            _changes.Add(new(IndexOf(record.Fields[key]), change));
            return;
        }

        BadRowCount++;
        if (_badRows.Count < BadRowsKept)
        {
            _badRows.Add(new(record.Line, problem));
        }
    }

    private int IndexOf(string id)
    {
        if (!_indexes.TryGetValue(id, out var index))
        {
            index = _ids.Count;
            _indexes.Add(id, index);
            _ids.Add(id);
        }

        return index;
    }

    /// <summary>In whatever column: a file that is Latin-1 in one is so in all.</summary>
    private static string? FindByteProblem(CsvRecord record)
        => record.Fields.Any(static field => field.Contains(Undecodable, StringComparison.Ordinal))
            ? "it has bytes that are no UTF-8 (save the file as UTF-8)"
            : null;

    private static string? FindIdProblem(string id)
    {
        if (string.IsNullOrWhiteSpace(id))
        {
            return "the product is empty";
        }

        if (id.Contains('\0', StringComparison.Ordinal))
        {
            return "the product contains a NUL character";
        }

        var bytes = Encoding.UTF8.GetByteCount(id);
        return bytes > MaxIdBytes ? $"the product is {bytes} bytes long, {MaxIdBytes} at most" : null;
    }

    private static string? FindAmountProblem(string text, out long amount)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite;
        return long.TryParse(text, Style, CultureInfo.InvariantCulture, out amount)
            ? null
            : $"the amount '{(text.Length > 40 ? $"{text[..40]}…" : text)}' is no whole number of 64 bits";
    }
}
