using System.Net;
using System.Net.Sockets;

namespace Client.Load;

/// <summary>Finds ports for silos, which can't ask for "any free one".</summary>
internal static class LoopbackPorts
{
    // Below the range that outgoing connections get theirs from.
    private const int First = 10_000;
    private const int Last = 22_000;

    public static int[] Find(int count)
    {
        var found = new HashSet<int>();
        while (found.Count < count)
        {
            var port = Random.Shared.Next(First, Last);
            if (IsFree(port))
            {
                found.Add(port);
            }
        }

        return [.. found];
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
