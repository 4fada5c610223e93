using System.Net.WebSockets;
using Proof;
using Proof.Load;
using Proof.Processes;

namespace Embedded.Driver.Load;

/// <summary>A few sockets that all callers share. A broken one is opened anew once the service is up (again).</summary>
internal sealed class ConnectionPool(ServiceProcess service, int size) : IMovementTarget, IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    private readonly MovementConnection?[] _connections = new MovementConnection?[size];
    private readonly SemaphoreSlim _opening = new(1);

    /// <summary>The socket of a caller. Waits while the service is down.</summary>
    /// <exception cref="RunFailedException">The service ended by itself.</exception>
    public async ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
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
}
