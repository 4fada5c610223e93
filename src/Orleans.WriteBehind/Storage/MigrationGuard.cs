namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Keeps the states of an activation that was given up from migrating: they were not acknowledged, and the activation on the other side would
/// go on with them as if they were.
/// </summary>
/// <remarks>
/// A migration that has begun can't be called off, and one may begin while the activation ends. But where a participant throws, Orleans
/// logs it, asks no further ones, and goes on without their states; on the other side they are then read. So the guard has to be the
/// first participant, and takes its place before the grain is made (<see cref="MigrationGuardConfigurator"/>).
/// </remarks>
internal sealed class MigrationGuard : IGrainMigrationParticipant
{
    private volatile bool _isGivenUp;

    public void GiveUp() => _isGivenUp = true;

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_isGivenUp)
        {
            throw new InvalidOperationException(
                "A write of this activation failed, so its states in memory do not migrate with it. They are read on the other side.");
        }
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
    }
}
