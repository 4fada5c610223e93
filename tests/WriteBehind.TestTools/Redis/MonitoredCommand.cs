using System.Globalization;
using System.Text;

namespace WriteBehind.TestTools;

/// <summary>One command as MONITOR shows it.</summary>
/// <param name="Client">The client's address, or <c>lua</c> for a command of a script.</param>
/// <param name="Arguments">The command's name, as the client wrote it, and its arguments.</param>
public sealed record MonitoredCommand(string Client, IReadOnlyList<string> Arguments)
{
    /// <summary>The command's name in capitals.</summary>
    public string Name => Arguments[0].ToUpperInvariant();

    /// <summary>True for a command that a script ran.</summary>
    public bool FromScript => Client == "lua";

    /// <inheritdoc />
    public override string ToString() => $"{Client}: {string.Join(' ', Arguments)}";

    /// <summary>Parses a line such as <c>+1700000000.123456 [0 127.0.0.1:60866] "SET" "key" "a\x00b"</c>.</summary>
    internal static MonitoredCommand Parse(string line)
    {
        var open = line.IndexOf('[', StringComparison.Ordinal);
        var close = line.IndexOf("] ", StringComparison.Ordinal);
        if (open < 0 || close < open)
        {
            throw new FormatException($"Not a line of MONITOR: {line}");
        }

        var client = line[(line.IndexOf(' ', open) + 1)..close];
        List<string> arguments = [];
        for (var at = close + 2; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                arguments.Add(Unquote(line, ref at));
            }
        }

        return new MonitoredCommand(client, arguments);
    }

    /// <summary>Reads the quoted text that starts here and leaves the position at its closing quote.</summary>
    private static string Unquote(string line, ref int at)
    {
        List<byte> bytes = [];
        for (at++; line[at] != '"'; at++)
        {
            if (line[at] != '\\')
            {
                bytes.Add((byte)line[at]);
                continue;
            }

            at++;
            switch (line[at])
            {
                case 'x':
                    bytes.Add(byte.Parse(line.AsSpan(at + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    at += 2;
                    break;
                case 'n':
                    bytes.Add((byte)'\n');
                    break;
                case 'r':
                    bytes.Add((byte)'\r');
                    break;
                case 't':
                    bytes.Add((byte)'\t');
                    break;
                case 'a':
                    bytes.Add((byte)'\a');
                    break;
                case 'b':
                    bytes.Add((byte)'\b');
                    break;
                default:
                    bytes.Add((byte)line[at]);
                    break;
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
