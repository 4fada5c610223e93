using Proof.Load;

namespace Client.Load;

/// <summary>Stands for a target that is there once the silos are.</summary>
internal sealed class FleetTarget : IMovementTarget
{
    private IMovementTarget? _target;

    public void Use(IMovementTarget target) => Volatile.Write(ref _target, target);

    public ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
        => (Volatile.Read(ref _target) ?? throw new InvalidOperationException("The silos are not started.")).GetAsync(
            caller, cancellationToken);
}
