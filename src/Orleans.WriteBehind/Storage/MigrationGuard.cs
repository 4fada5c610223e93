using System.Diagnostics.CodeAnalysis;
using Orleans.Metadata;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Keeps the states of an activation that was given up from migrating: they were not acknowledged, and the activation on the other side
/// would go on with them as if they were.
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

/// <summary>
/// Gives every activation that can migrate its <see cref="MigrationGuard"/>, before the grain is made and its states join the migration.
/// </summary>
internal sealed class MigrationGuardConfigurator : IConfigureGrainContextProvider, IConfigureGrainContext
{
    // The name of Orleans' strategy, which is internal. Stateless workers never migrate, and what stands for all of them takes no
    // components.
    private const string StatelessWorkers = "StatelessWorkerPlacement";

    public bool TryGetConfigurator(
        GrainType grainType, GrainProperties properties, [NotNullWhen(true)] out IConfigureGrainContext? configurator)
    {
        var canMigrate = properties.Properties.GetValueOrDefault(WellKnownGrainTypeProperties.PlacementStrategy) != StatelessWorkers;
        configurator = canMigrate ? this : null;
        return canMigrate;
    }

    public void Configure(IGrainContext context)
    {
        var guard = new MigrationGuard();
        context.SetComponent(guard);
        context.ObservableLifecycle.AddMigrationParticipant(guard);
    }
}
