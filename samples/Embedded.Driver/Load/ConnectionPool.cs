using System.Net.WebSockets;
using Proof;
using Proof.Load;
using Proof.Processes;

namespace Embedded.Driver.Load;

/// <summary>A few sockets that all callers share. A broken one is opened anew once the service is up (again).</summary>
internal sealed class ConnectionPool(ServiceProcess service, int size) : IMovementTarget, IAsyncDisposable
{
    /// <summary>Longer than the service takes to come back, and less than it remembers operations for.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    private readonly MovementConnection?[] _connections = new MovementConnection?[size];
    private readonly SemaphoreSlim _opening = new(1);

    public async ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(caller, cancellationToken);
        return new RepeatingCaller(this, connection, caller, cancellationToken);
    }

    /// <summary>The socket of a caller. Waits while the service is down.</summary>
    /// <exception cref="RunFailedException">The service ended by itself.</exception>
    private async ValueTask<MovementConnection> OpenAsync(int caller, CancellationToken cancellationToken)
    {
        var slot = caller % size;
        if (Volatile.Read(ref _connections[slot]) is { IsOpen: true } open)
        {
            return open;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            while (_connections[slot] is not { IsOpen: true })
            {
                if (_connections[slot] is { } broken)
                {
                    await broken.DisposeAsync();
                }

                Volatile.Write(ref _connections[slot], await TryOpenAsync(cancellationToken));
            }

            return _connections[slot]!;
        }
        finally
        {
            _opening.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }
        }

        _opening.Dispose();
    }

    private async Task<MovementConnection?> TryOpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await MovementConnection.OpenAsync(await service.WaitUpAsync(cancellationToken), cancellationToken);
        }
        catch (WebSocketException)
        {
            // It went down in this moment. The next wait says whether it comes back.
            await Task.Delay(RetryDelay, cancellationToken);
            return null;
        }
    }

    /// <summary>
    /// Sends a movement with an id, again and again until it is answered: it counts once. At the end of the load it is not sent again.
    /// </summary>
    private sealed class RepeatingCaller(ConnectionPool pool, MovementConnection connection, int caller, CancellationToken ending)
        : IMovementConnection
    {
        public async Task<WriteAnswer> WriteAsync(string id, long amount)
        {
            var operation = Guid.CreateVersion7().ToString();
            var answer = await connection.WriteAsync(id, amount, operation);
            if (IsSettled(answer))
            {
                return answer;
            }

            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ending);
            deadline.CancelAfter(Deadline);
            var isUnknown = answer.Result == WriteResult.Unknown;
            while (!IsSettled(answer) && !deadline.IsCancellationRequested)
            {
                await Task.Delay(RetryDelay, CancellationToken.None);
                try
                {
                    var again = await pool.OpenAsync(caller, deadline.Token);
                    answer = await again.WriteAsync(id, amount, operation);
                    isUnknown |= answer.Result == WriteResult.Unknown;
                }
                catch (OperationCanceledException)
                {
                    break;
                }
            }

            // A try that was refused, or never sent, says nothing of an earlier one, which may still be under way.
            return isUnknown && answer.Result != WriteResult.Acknowledged ? answer with { Result = WriteResult.Unknown } : answer;
        }

        private static bool IsSettled(WriteAnswer answer) => answer.Result is WriteResult.Acknowledged or WriteResult.Refused;
    }
}
