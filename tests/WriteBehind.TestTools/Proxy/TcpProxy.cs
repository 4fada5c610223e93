using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using WriteBehind.TestTools.Processes;
using WriteBehind.TestTools.Proxy;

namespace WriteBehind.TestTools;

/// <summary>
/// A loopback proxy in front of a server that makes the network bad on demand: slow, silent, cut or refusing. It starts healthy,
/// and <see cref="HealAsync"/> makes it healthy again.
/// </summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private volatile int _target;
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentDictionary<ProxiedConnection, bool> _connections = new();
    private readonly ProxyFaults _faults = new();
    private readonly Lock _lock = new();
    private TcpListener? _listener;
    private int _accepted;

    private TcpProxy(int target)
    {
        _target = target;
        Port = FreePort.Next();
    }

    /// <summary>The port to connect to; stays the same for the proxy's life.</summary>
    public int Port { get; }

    /// <summary>How many connections were ever accepted.</summary>
    public int AcceptedConnections => Volatile.Read(ref _accepted);

    /// <summary>How many connections are open.</summary>
    public int OpenConnections => _connections.Count;

    /// <summary>How many bytes went to the server.</summary>
    public long BytesToServer => _faults.BytesToServer;

    /// <summary>How many bytes came back to the clients.</summary>
    public long BytesToClients => _faults.BytesToClients;

    /// <summary>How many bytes vanished, both ways together.</summary>
    public long BytesDropped => _faults.BytesDropped;

    /// <summary>How long every request is held up on its way; none at first. Does not limit the throughput.</summary>
    public TimeSpan RequestDelay
    {
        get => _faults.RequestDelay;
        set => _faults.RequestDelay = value;
    }

    /// <summary>How long every answer is held up on its way; none at first.</summary>
    public TimeSpan ResponseDelay
    {
        get => _faults.ResponseDelay;
        set => _faults.ResponseDelay = value;
    }

    /// <summary>Whether connections are refused; those that are open stay.</summary>
    public bool RefuseConnections
    {
        get
        {
            lock (_lock)
            {
                return _listener is null;
            }
        }

        set
        {
            lock (_lock)
            {
                if (value)
                {
                    _listener?.Dispose();
                    _listener = null;
                }
                else if (_listener is null)
                {
                    Listen();
                }
            }
        }
    }

    /// <summary>From now on new connections go to another server, as where an address moves.</summary>
    public void Retarget(int targetPort) => _target = targetPort;

    /// <summary>Starts a proxy in front of a loopback port.</summary>
    public static TcpProxy Start(int targetPort) => new(targetPort) { RefuseConnections = false };

    /// <summary>From now on requests go through and answers vanish: the outcome of whatever is asked is unknown to the client.</summary>
    public void DropResponses() => _faults.DropResponses = true;

    /// <summary>From now on everything vanishes, both ways. Connections can still be opened, but nobody answers.</summary>
    public void BlackHole()
    {
        _faults.DropRequests = true;
        _faults.DropResponses = true;
    }

    /// <summary>From now on requests vanish, and only what was asked before is still answered.</summary>
    public void DropRequests() => _faults.DropRequests = true;

    /// <summary>
    /// Everything vanishes once this many bytes more have gone to the server: in the middle of a large request. The connections stay open
    /// on both sides, and nobody hears of it.
    /// </summary>
    public void BlackHoleAfter(long bytes) => _faults.DropAfter(bytes);

    /// <summary>Resets all connections. New ones are accepted.</summary>
    /// <returns>How many there were.</returns>
    public Task<int> CutAsync() => CutAsync(static _ => true);

    /// <summary>
    /// Makes everything good again. Connections that lost bytes are reset, as no stream survives a hole; the others go on.
    /// </summary>
    public async Task HealAsync()
    {
        _faults.Clear();
        await CutAsync(static connection => connection.LostBytes);
        RefuseConnections = false;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        RefuseConnections = true;
        await CutAsync();
        _stopped.Dispose();
    }

    private async Task<int> CutAsync(Func<ProxiedConnection, bool> which)
    {
        var doomed = _connections.Keys.Where(which).ToList();
        foreach (var connection in doomed)
        {
            connection.Reset();
        }

        foreach (var connection in doomed)
        {
            await connection.Ended;
        }

        return doomed.Count;
    }

    private void Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, Port);
        listener.Start();
        _listener = listener;
        _ = AcceptAsync(listener);
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        while (!_stopped.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await listener.AcceptSocketAsync();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            Interlocked.Increment(ref _accepted);
            var connection = new ProxiedConnection(client, _faults);
            _connections[connection] = true;
            _ = RunAsync(connection);
        }
    }

    private async Task RunAsync(ProxiedConnection connection)
    {
        using (connection)
        {
            await connection.RunAsync(_target);
        }

        _connections.TryRemove(connection, out _);
    }
}
