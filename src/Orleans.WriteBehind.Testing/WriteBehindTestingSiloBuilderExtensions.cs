using Microsoft.Extensions.DependencyInjection;
using Orleans.WriteBehind;
using WriteBehind;
using WriteBehind.Testing;

namespace Orleans.Hosting;

/// <summary>Puts an engine in memory in the place of the real one, in a silo of a test.</summary>
public static class WriteBehindTestingSiloBuilderExtensions
{
    /// <summary>
    /// Puts an engine that needs no Redis, no PostgreSQL and no reminders in the place of the real one, for write-behind grains and grain
    /// storage as they are. What the application registers (<c>silo.AddWriteBehind(…)</c>, <c>silo.AddWriteBehindGrainStorage(…)</c>) may
    /// stay, before this or after it; or the test registers its entity types here.
    /// </summary>
    /// <remarks>
    /// There is no sweep: nothing is left behind that a crash could leave, and what is dirty is flushed as <paramref name="servers"/> say.
    /// </remarks>
    /// <param name="builder">The silo.</param>
    /// <param name="servers">The servers: the same ones for all silos of a cluster.</param>
    /// <param name="configure">Registers entity types, and changes the engine's settings.</param>
    public static ISiloBuilder AddWriteBehindForTests(
        this ISiloBuilder builder, InMemoryWriteBehind servers, Action<WriteBehindBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(servers);
        builder.AddWriteBehind(configure ?? (static _ => { }));
        builder.Services.AddMemoryEngine(servers);
        builder.Services.PostConfigure<WriteBehindGrainOptions>(static grains => grains.Sweeps = false);
        return builder;
    }
}
