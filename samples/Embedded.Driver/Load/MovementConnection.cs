using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Proof.Load;

namespace Embedded.Driver.Load;

/// <summary>
/// One socket to the service, shared by many callers: what they write while a message is being sent goes out together with the next.
/// When it breaks, every write on it ends: as unknown if it was handed to the socket, as not sent if it was not.
/// </summary>
internal sealed class MovementConnection : IAsyncDisposable
{
    private const int MovementsPerMessage = 512;

    private readonly ClientWebSocket _socket;
    private readonly Channel<PendingWrite> _queue = Channel.CreateUnbounded<PendingWrite>(new() { SingleReader = true });
    private readonly ConcurrentDictionary<long, PendingWrite> _sent = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private long _lastSeq;

    private MovementConnection(ClientWebSocket socket)
    {
        _socket = socket;
        _run = Task.Run(RunAsync);
    }

    public bool IsOpen => !_run.IsCompleted;

    public static async Task<MovementConnection> OpenAsync(Uri service, CancellationToken cancellationToken)
    {
        var address = new UriBuilder(service) { Scheme = "ws", Path = "/stock/movements" }.Uri;
        var socket = new ClientWebSocket();
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return new MovementConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Writes a movement. Whatever goes wrong is an answer, not an exception.</summary>
    public Task<WriteAnswer> WriteAsync(string id, long amount, string operation)
    {
        var write = new PendingWrite(new(Interlocked.Increment(ref _lastSeq), id, amount, operation));
        return _queue.Writer.TryWrite(write) ? write.Answer.Task : Task.FromResult(new WriteAnswer(WriteResult.NotSent));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var loops = new[] { SendAsync(_stop.Token), ReceiveAsync(_stop.Token) };
        await Task.WhenAny(loops);
        await _stop.CancelAsync();
        try
        {
            await Task.WhenAll(loops);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or JsonException)
        {
            // Broken or closed; what that means for each write is settled below.
        }

        // First no further write gets in, then those that wait are told, so none is forgotten.
        _queue.Writer.Complete();
        while (_queue.Reader.TryRead(out var write))
        {
            write.Answer.TrySetResult(new(WriteResult.NotSent));
        }

        foreach (var write in _sent.Values)
        {
            write.Answer.TrySetResult(new(WriteResult.Unknown));
        }
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        var batch = new List<MovementMessage>(MovementsPerMessage);
        while (await _queue.Reader.WaitToReadAsync(cancellationToken))
        {
            while (batch.Count < MovementsPerMessage && _queue.Reader.TryRead(out var write))
            {
                // Noted before it is sent: whatever happens from here on, it may have reached the service.
                _sent[write.Message.Seq] = write;
                batch.Add(write.Message);
            }

            var message = JsonSerializer.SerializeToUtf8Bytes(batch, MessageJson.Default.ListMovementMessage);
            await _socket.SendAsync(message.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            batch.Clear();
        }
    }

    private async Task ReceiveAsync(CancellationToken cancellationToken)
    {
        var message = new ArrayBufferWriter<byte>(64 * 1024);
        while (true)
        {
            var received = await _socket.ReceiveAsync(message.GetMemory(16 * 1024), cancellationToken);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken);
                return;
            }

            message.Advance(received.Count);
            if (!received.EndOfMessage)
            {
                continue;
            }

            foreach (var reply in JsonSerializer.Deserialize(message.WrittenSpan, MessageJson.Default.ListReplyMessage) ?? [])
            {
                if (_sent.TryRemove(reply.Seq, out var write))
                {
                    write.Answer.TrySetResult(reply.ToAnswer());
                }
            }

            message.ResetWrittenCount();
        }
    }
}
