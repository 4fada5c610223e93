using System.Text;

namespace Proof.Input;

/// <summary>
/// Reads CSV as RFC 4180 has it, and as it is found: CRLF, LF or CR line ends, quoted fields with doubled quotes and line breaks,
/// spaces kept, blank lines skipped. A malformed record is reported and costs itself only: the next line is read afresh, so one
/// stray quote does not swallow the rest of the file.
/// </summary>
public sealed class CsvReader(TextReader text)
{
    /// <summary>How many lines a quoted field may reach over. More are taken for a quote that was never closed.</summary>
    private const int MaxLinesPerRecord = 100;

    private readonly Queue<string> _ahead = new();
    private int _line;

    public IEnumerable<CsvRecord> Read()
    {
        while (NextLine() is { } line)
        {
            if (line.Length > 0)
            {
                yield return ReadRecord(line);
            }
        }
    }

    private string? NextLine()
    {
        var line = _ahead.Count > 0 ? _ahead.Dequeue() : text.ReadLine();
        if (line is not null)
        {
            _line++;
        }

        return line;
    }

    private string? Peek(int ahead)
    {
        while (_ahead.Count < ahead)
        {
            if (text.ReadLine() is not { } line)
            {
                return null;
            }

            _ahead.Enqueue(line);
        }

        return _ahead.ElementAt(ahead - 1);
    }

    private CsvRecord ReadRecord(string first)
    {
        var start = _line;
        var record = first;
        var further = 0;
        while (true)
        {
            var fields = Split(record, out var problem, out var open);
            if (!open)
            {
                // The lines that the record's quoted fields reached over are part of it now.
                for (var i = 0; i < further; i++)
                {
                    NextLine();
                }

                return problem is null ? new(start, fields) : new(start, [], problem);
            }

            if (++further >= MaxLinesPerRecord || Peek(further) is not { } line)
            {
                return new(start, [], "a quote is not closed");
            }

            record = $"{record}\n{line}";
        }
    }

    private static List<string> Split(string record, out string? problem, out bool open)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        problem = null;
        open = false;
        for (var at = 0; ;)
        {
            field.Clear();
            if (at < record.Length && record[at] == '"')
            {
                at = ReadQuoted(record, at + 1, field, out open);
                if (open)
                {
                    return fields;
                }

                if (at < record.Length && record[at] != ',')
                {
                    problem = "text follows a closing quote";
                }
            }

            var comma = record.IndexOf(',', at);
            var end = comma < 0 ? record.Length : comma;
            fields.Add(field.Append(record, at, end - at).ToString());
            if (comma < 0)
            {
                return fields;
            }

            at = comma + 1;
        }
    }

    private static int ReadQuoted(string record, int at, StringBuilder field, out bool open)
    {
        for (; at < record.Length; at++)
        {
            if (record[at] != '"')
            {
                field.Append(record[at]);
                continue;
            }

            if (at + 1 == record.Length || record[at + 1] != '"')
            {
                open = false;
                return at + 1;
            }

            field.Append('"');
            at++;
        }

        open = true;
        return at;
    }
}
