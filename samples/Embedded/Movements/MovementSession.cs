using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using WriteBehind;

namespace Embedded.Movements;

/// <summary>
/// One client of the bulk socket. Its movements run side by side, at most <see cref="MaxInFlight"/> at a time, and each is answered as
/// soon as it is settled, in whatever order that happens. When the service stops, what is under way is finished and answered; what
/// comes later is dropped, and the socket is closed.
/// </summary>
internal sealed class MovementSession(WebSocket socket, IEntityStore<Stock> store) : IDisposable
{
    private const int MaxInFlight = 4_096;
    private const int MaxMessageBytes = 1 << 20;
    private const int RepliesPerMessage = 512;

    private static readonly TimeSpan FinishTimeout = TimeSpan.FromSeconds(10);

    // A slot is held from taking a movement up to sending its reply: this bounds the waiting replies too, and once every slot is
    // back, every movement has been answered.
    private readonly SemaphoreSlim _slots = new(MaxInFlight);
    private readonly Channel<MovementReply> _replies = Channel.CreateUnbounded<MovementReply>(new() { SingleReader = true });
    private volatile bool _finishing;

    public async Task RunAsync(CancellationToken stopping)
    {
        using var gone = new CancellationTokenSource();
        var receiving = ReceiveAsync(gone.Token);
        var sending = SendAsync(gone);
        try
        {
            var (status, reason) = await UntilEndAsync(receiving, stopping);
            gone.CancelAfter(FinishTimeout);
            await FinishMovementsAsync(gone.Token);
            await sending;
            await socket.CloseOutputAsync(status, reason, gone.Token);
            await receiving;
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // The client is gone. What it sent is applied or not, as with any broken connection.
        }
        finally
        {
            await gone.CancelAsync();
        }
    }

    public void Dispose() => _slots.Dispose();

    // A cancelled receive would abort the socket, and the answers with it: so a stop only ends the waiting, not the receiving.
    private static async Task<(WebSocketCloseStatus Status, string? Reason)> UntilEndAsync(
        Task<(WebSocketCloseStatus Status, string? Reason)> receiving, CancellationToken stopping)
    {
        try
        {
            return await receiving.WaitAsync(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return (WebSocketCloseStatus.EndpointUnavailable, "The service is stopping.");
        }
    }

    private async Task<(WebSocketCloseStatus Status, string? Reason)> ReceiveAsync(CancellationToken gone)
    {
        var message = new ArrayBufferWriter<byte>(64 * 1024);
        while (true)
        {
            var received = await socket.ReceiveAsync(message.GetMemory(16 * 1024), gone);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                return (WebSocketCloseStatus.NormalClosure, null);
            }

            message.Advance(received.Count);
            if (message.WrittenCount > MaxMessageBytes)
            {
                return (WebSocketCloseStatus.MessageTooBig, $"A message has at most {MaxMessageBytes} bytes.");
            }

            if (!received.EndOfMessage)
            {
                continue;
            }

            if (Parse(message.WrittenSpan) is not { } movements)
            {
                return (WebSocketCloseStatus.InvalidPayloadData, "A message is an array of {\"seq\":1,\"id\":\"...\",\"amount\":1}.");
            }

            message.ResetWrittenCount();
            foreach (var movement in movements)
            {
                await _slots.WaitAsync(gone);
                if (_finishing)
                {
                    _slots.Release();
                }
                else
                {
                    _ = ApplyAsync(movement);
                }
            }
        }
    }

    private static List<Movement>? Parse(ReadOnlySpan<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize(message, MovementJson.Default.ListMovement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task ApplyAsync(Movement movement) => _replies.Writer.TryWrite(await MoveAsync(movement));

    private async Task<MovementReply> MoveAsync(Movement movement)
    {
        try
        {
            // No token: whether the client still listens or not, a movement that was begun is brought to its end.
            var move = Stock.Movement(movement.Id, movement.Amount);
            var version = movement.Operation is { } operation
                ? (await store.UpdateAsync(movement.Id, operation, move, cancellationToken: CancellationToken.None)).Version
                : (await store.UpdateAsync(movement.Id, move, CancellationToken.None))!.Version;
            return new(movement.Seq, version);
        }
        catch (OverflowException e)
        {
            return new(movement.Seq, null, e.Message);
        }
        catch (WriteBehindException e)
        {
            return new(
                movement.Seq,
                null,
                e.Message,
                OutcomeUnknown: e is BufferUnavailableException { OutcomeUnknown: true } or OperationForgottenException);
        }
        catch (Exception e)
        {
            return new(movement.Seq, null, e.Message, OutcomeUnknown: true);
        }
    }

    private async Task FinishMovementsAsync(CancellationToken gone)
    {
        _finishing = true;
        for (var slot = 0; slot < MaxInFlight; slot++)
        {
            await _slots.WaitAsync(gone);
        }

        _replies.Writer.Complete();
    }

    private async Task SendAsync(CancellationTokenSource gone)
    {
        try
        {
            var replies = new List<MovementReply>(RepliesPerMessage);
            while (await _replies.Reader.WaitToReadAsync(gone.Token))
            {
                while (replies.Count < RepliesPerMessage && _replies.Reader.TryRead(out var reply))
                {
                    replies.Add(reply);
                }

                var message = JsonSerializer.SerializeToUtf8Bytes(replies, MovementJson.Default.ListMovementReply);
                await socket.SendAsync(message.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, gone.Token);
                _slots.Release(replies.Count);
                replies.Clear();
            }
        }
        catch
        {
            // Nobody can be answered any more: whoever waits for a slot or a message has to know.
            await gone.CancelAsync();
            throw;
        }
    }
}
