using System.Collections.Concurrent;
using WriteBehind.TestTools.Redis;

namespace WriteBehind.TestTools;

/// <summary>A recording of all commands that a Redis executes (MONITOR), in their order.</summary>
public sealed class RedisMonitor : IDisposable
{
    private readonly int _port;
    private readonly string? _password;
    private readonly RespConnection _connection;
    private readonly string _lastWords = $"end-of-recording-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<MonitoredCommand> _commands = new();
    private readonly Task _reading;

    private RedisMonitor(RespConnection connection, int port, string? password)
    {
        _connection = connection;
        _port = port;
        _password = password;
        _reading = ReadAsync();
    }

    /// <summary>What was recorded so far.</summary>
    public IReadOnlyList<MonitoredCommand> Commands => [.. _commands];

    /// <summary>Ends the recording. Everything that Redis executed before the call is in it.</summary>
    public async Task<IReadOnlyList<MonitoredCommand>> StopAsync()
    {
        // Commands arrive in the order of their execution, so whatever came before these words is here once they are.
        using var connection = await RespConnection.OpenAsync(_port, _password);
        await connection.SendAsync(["ECHO", _lastWords]);
        await _reading;
        return Commands;
    }

    /// <inheritdoc />
    public void Dispose() => _connection.Dispose();

    internal static async Task<RedisMonitor> StartAsync(int port, string? password)
    {
        var connection = await RespConnection.OpenAsync(port, password);
        await connection.SendAsync(["MONITOR"]);
        return new RedisMonitor(connection, port, password);
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            var command = MonitoredCommand.Parse(await _connection.ReadLineAsync());
            if (command.Arguments[^1] == _lastWords)
            {
                return;
            }

            _commands.Enqueue(command);
        }
    }
}
