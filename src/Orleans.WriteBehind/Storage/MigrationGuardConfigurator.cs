using System.Diagnostics.CodeAnalysis;
using Orleans.Metadata;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Gives every activation that can migrate its <see cref="MigrationGuard"/>, before the grain is made and its states join the migration.
/// </summary>
internal sealed class MigrationGuardConfigurator : IConfigureGrainContextProvider, IConfigureGrainContext
{
    // The name of Orleans' strategy, which is internal. Stateless workers never migrate, and what stands for all of them takes no components.
    private const string StatelessWorkers = "StatelessWorkerPlacement";

    public bool TryGetConfigurator(GrainType grainType, GrainProperties properties, [NotNullWhen(true)] out IConfigureGrainContext? configurator)
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
