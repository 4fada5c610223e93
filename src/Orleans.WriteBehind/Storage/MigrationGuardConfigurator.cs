using System.Diagnostics.CodeAnalysis;
using Orleans.Metadata;

namespace Orleans.WriteBehind.Storage;

/// <summary>Gives every activation its <see cref="MigrationGuard"/>, before the grain is made and its states join the migration.</summary>
internal sealed class MigrationGuardConfigurator : IConfigureGrainContextProvider, IConfigureGrainContext
{
    public bool TryGetConfigurator(GrainType grainType, GrainProperties properties, [NotNullWhen(true)] out IConfigureGrainContext? configurator)
    {
        configurator = this;
        return true;
    }

    public void Configure(IGrainContext context)
    {
        var guard = new MigrationGuard();
        context.SetComponent(guard);
        context.ObservableLifecycle.AddMigrationParticipant(guard);
    }
}
