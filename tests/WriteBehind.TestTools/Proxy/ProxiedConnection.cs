using System.Net;
using System.Net.Sockets;

namespace WriteBehind.TestTools.Proxy;

/// <summary>One client's connection through the proxy and the one to the server that belongs to it.</summary>
internal sealed class ProxiedConnection(Socket client, ProxyFaults faults) : IDisposable
{
    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _lostRequests;
    private bool _lostResponses;

    /// <summary>Whether bytes of this connection were thrown away.</summary>
    public bool LostBytes => Volatile.Read(ref _lostRequests) || Volatile.Read(ref _lostResponses);

    /// <summary>Done when both sides are closed.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Connects to the server and passes bytes on until one side ends, which ends the other.</summary>
    public async Task RunAsync(int target)
    {
        try
        {
            client.NoDelay = true;
            await _server.ConnectAsync(IPAddress.Loopback, target);
            var requests = new Pump(
                client,
                _server,
                () => faults.RequestDelay,
                bytes => Drops(faults.DropRequests, ref _lostRequests, bytes),
                faults.CountToServer);
            var responses = new Pump(
                _server,
                client,
                () => faults.ResponseDelay,
                bytes => Drops(faults.DropResponses, ref _lostResponses, bytes),
                faults.CountToClients);
            await Task.WhenAny(requests.RunAsync(), responses.RunAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The server is away, or the connection was reset meanwhile: the client finds its connection closed.
        }
        finally
        {
            Dispose();
            _ended.TrySetResult();
        }
    }

    /// <summary>Closes both sides; each peer sees a reset.</summary>
    public void Reset()
    {
        client.Close(0);
        _server.Close(0);
    }

    /// <summary>Closes both sides in the ordinary way.</summary>
    public void Dispose()
    {
        client.Dispose();
        _server.Dispose();
    }

    /// <summary>
    /// Whether bytes vanish. Behind a hole nothing comes through any more, also once the faults are over: no network gives a stream with
    /// one, and whoever reads it would take one answer for another. The connection is reset.
    /// </summary>
    private bool Drops(bool drop, ref bool lost, int bytes)
    {
        if (!drop && !Volatile.Read(ref lost))
        {
            return false;
        }

        // Marked before it is counted: who sees the count and heals finds the mark.
        Volatile.Write(ref lost, true);
        faults.CountDropped(bytes);
        return true;
    }
}
