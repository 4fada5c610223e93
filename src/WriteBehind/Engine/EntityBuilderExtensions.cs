using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using WriteBehind.Engine;

namespace WriteBehind;

/// <summary>Registers entity types.</summary>
public static class EntityBuilderExtensions
{
    /// <summary>Registers an entity type: its name in Redis keys, metrics and messages, and its settings.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="type">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddEntity<TState>(
        this WriteBehindBuilder builder, string type, Action<EntityTypeOptions<TState>>? configure = null)
        where TState : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = new EntityRegistration<TState>(type, configure);
        builder.Services.AddSingleton<IEntityRegistration>(registration);
        builder.Services.AddSingleton(registration.Options);
        builder.Services.TryAddSingleton(static provider => provider.GetRequiredService<IWriteBehindEngine>().Store<TState>());
        return builder;
    }
}
