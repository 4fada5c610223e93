using System.Diagnostics;
using System.Net.Sockets;
using System.Threading.Channels;

namespace WriteBehind.TestTools.Proxy;

/// <summary>
/// Passes bytes on from one socket to another, each some time after it came. Reading goes on meanwhile: a delay makes a long wire,
/// not a narrow one.
/// </summary>
internal sealed class Pump(Socket from, Socket to, Func<TimeSpan> delay, Func<int, bool> drops, Action<int> count)
{
    private const int MaxPiecesOnTheWire = 1_024;
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(20);
    private readonly Channel<Piece> _wire = Channel.CreateBounded<Piece>(MaxPiecesOnTheWire);

    /// <summary>Done when the source has ended and all of it is passed on, or the target is closed.</summary>
    public async Task RunAsync()
    {
        _ = ReadAsync();
        await WriteAsync();
        _wire.Writer.TryComplete();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is var read and > 0)
            {
                if (!drops(read))
                {
                    await _wire.Writer.WriteAsync(new Piece(buffer[..read], Stopwatch.GetTimestamp()));
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or ChannelClosedException)
        {
            // A broken connection is an end like any other.
        }
        finally
        {
            _wire.Writer.TryComplete();
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (var piece in _wire.Reader.ReadAllAsync())
            {
                // In slices, so that a delay that is taken back does not have to be waited out.
                while (delay() - Stopwatch.GetElapsedTime(piece.ReceivedAt) is var left && left > TimeSpan.Zero)
                {
                    await Pause.ForAsync(left < Slice ? left : Slice);
                }

                if (!drops(piece.Bytes.Length))
                {
                    await SendAsync(piece.Bytes);
                    count(piece.Bytes.Length);
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The same.
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await to.SendAsync(bytes)..];
        }
    }

    private readonly record struct Piece(byte[] Bytes, long ReceivedAt);
}
