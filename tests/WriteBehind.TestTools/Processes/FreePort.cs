using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace WriteBehind.TestTools.Processes;

/// <summary>Finds loopback ports for servers.</summary>
public static class FreePort
{
    // Below the range that outgoing connections are given ports from (32768 and up): a server that restarts finds its port free.
    // A cluster node also needs its port + 10000.
    private const int Lowest = 10_000;
    private const int Highest = 22_000;
    private static readonly ConcurrentDictionary<int, bool> Given = new();

    /// <summary>
    /// A port that is free now, together with the cluster bus port that belongs to it; never given twice by this process.
    /// </summary>
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(Lowest, Highest);
            if (IsFree(port) && IsFree(port + 10_000) && Given.TryAdd(port, true))
            {
                return port;
            }
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
