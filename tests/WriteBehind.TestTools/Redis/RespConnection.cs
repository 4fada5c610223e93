using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WriteBehind.TestTools.Redis;

/// <summary>
/// A bare connection to Redis that sends one command at a time. For the harness itself: it must not depend on the client library
/// that the code under test uses, and MONITOR needs the raw stream.
/// </summary>
internal sealed class RespConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly StreamReader _reader;

    private RespConnection(TcpClient client)
    {
        _client = client;
        _reader = new StreamReader(client.GetStream(), Encoding.Latin1);
    }

    public static async Task<RespConnection> OpenAsync(int port, string? password = null, CancellationToken cancellationToken = default)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            var connection = new RespConnection(client);
            if (password is not null)
            {
                await connection.SendAsync(["AUTH", password], cancellationToken);
            }

            return connection;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends a command and reads its answer: text for strings and numbers, null for nil. Arrays are not understood.</summary>
    /// <exception cref="InvalidOperationException">Redis answered with an error.</exception>
    public async Task<string?> SendAsync(IReadOnlyList<string> command, CancellationToken cancellationToken = default)
    {
        await WriteAsync(command, cancellationToken);
        var line = await ReadLineAsync(cancellationToken);
        return line[0] switch
        {
            '+' or ':' => line[1..],
            '$' => await ReadBulkAsync(int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture), cancellationToken),
            _ => throw new InvalidOperationException($"Redis answered {command[0]} with {line}"),
        };
    }

    /// <summary>Sends a command that answers with a list of texts.</summary>
    /// <exception cref="InvalidOperationException">Redis answered with something else.</exception>
    public async Task<IReadOnlyList<string>> SendForListAsync(
        IReadOnlyList<string> command, CancellationToken cancellationToken = default)
    {
        await WriteAsync(command, cancellationToken);
        var line = await ReadLineAsync(cancellationToken);
        if (line[0] != '*')
        {
            throw new InvalidOperationException($"Redis answered {command[0]} with {line}");
        }

        var texts = new string[int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture)];
        for (var i = 0; i < texts.Length; i++)
        {
            var length = int.Parse((await ReadLineAsync(cancellationToken)).AsSpan(1), CultureInfo.InvariantCulture);
            texts[i] = await ReadBulkAsync(length, cancellationToken) ?? "";
        }

        return texts;
    }

    /// <summary>Reads one line of whatever Redis sends.</summary>
    public async Task<string> ReadLineAsync(CancellationToken cancellationToken = default)
        => await _reader.ReadLineAsync(cancellationToken) ?? throw new EndOfStreamException("Redis closed the connection.");

    public void Dispose()
    {
        _reader.Dispose();
        _client.Dispose();
    }

    private async Task WriteAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        var request = new StringBuilder().Append(CultureInfo.InvariantCulture, $"*{command.Count}\r\n");
        foreach (var argument in command)
        {
            request.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(argument)}\r\n{argument}\r\n");
        }

        await _client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request.ToString()), cancellationToken);
    }

    private async Task<string?> ReadBulkAsync(int length, CancellationToken cancellationToken)
    {
        if (length < 0)
        {
            return null;
        }

        var text = new char[length + 2];
        var read = await _reader.ReadBlockAsync(text, cancellationToken);
        return read == text.Length ? new string(text, 0, length) : throw new EndOfStreamException("Redis closed the connection.");
    }
}
