namespace Proof.Load;

/// <summary>What movements are written to.</summary>
public interface IMovementTarget
{
    /// <summary>The way of a caller to it. Waits while there is none.</summary>
    /// <exception cref="RunFailedException">There will never be one.</exception>
    ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken);
}
