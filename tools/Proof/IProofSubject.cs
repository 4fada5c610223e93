using Proof.Load;
using Proof.Verification;

namespace Proof;

/// <summary>What a run is about: a service that counts stock in the table <c>shop.stock</c>.</summary>
public interface IProofSubject : IAsyncDisposable
{
    /// <summary>What it is called in the figures: <c>engine</c> or <c>orleans</c>.</summary>
    string Mode { get; }

    /// <summary>Where movements are written.</summary>
    IMovementTarget Target { get; }

    /// <summary>Where to look after a failure; null where there is nothing to name.</summary>
    string? LogFile { get; }

    /// <summary>Starts it, waits until it takes work, and says where it is.</summary>
    /// <exception cref="RunFailedException">It can't be started.</exception>
    Task<string> StartAsync(CancellationToken cancellationToken);

    /// <summary>How it is doing; null while it does not answer.</summary>
    /// <exception cref="RunFailedException">It ended by itself.</exception>
    Task<ServiceStatus?> TryGetStatusAsync(CancellationToken cancellationToken);

    /// <summary>Kills a process of it with SIGKILL, before the first await, and starts it again.</summary>
    Task CrashAsync(CancellationToken cancellationToken);

    /// <summary>What can be compared while it is up and clean, beside the table.</summary>
    Task<IReadOnlyList<Mismatch>> CheckAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<Mismatch>>([]);

    /// <summary>Asks it to stop (SIGTERM) and waits while it drains. Leaves one alone that was there before.</summary>
    Task StopAsync();
}
