using System.Text.Json;
using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>The settings of one write-behind grain storage provider.</summary>
public sealed class WriteBehindGrainStorageOptions
{
    internal WriteBehindGrainStorageOptions(string providerName)
        => EntityType = "grain-" + string.Concat(providerName.ToLowerInvariant().Select(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' ? c : '-'));

    /// <summary>
    /// The entity type that the provider's states belong to, in Redis keys, metrics and the generic table; default <c>grain-</c> and the
    /// provider's name. All states of a provider share it, so that any silo can bring them to the database, whatever grains it knows.
    /// </summary>
    public string EntityType { get; set; }

    /// <summary>Changes the settings of that entity type: flush delay, bound, and so on.</summary>
    public Action<EntityTypeOptions>? Configure { get; set; }

    /// <summary>
    /// How states become JSON. The default takes fields too, and reads members in any order, as PostgreSQL's <c>jsonb</c> keeps none.
    /// </summary>
    public JsonSerializerOptions Json { get; set; } = new() { IncludeFields = true, AllowOutOfOrderMetadataProperties = true };

    /// <summary>
    /// Gives up the activation after a write that failed or whose outcome is unknown, whether or not the grain catches the error; default
    /// true. Its states in memory do not migrate either. Orleans itself does so only after a conflict that the grain does not
    /// catch, and otherwise goes on with a state in memory that nobody acknowledged. Turn it off where the grain re-reads after every
    /// failure by itself.
    /// </summary>
    public bool DeactivateAfterFailure { get; set; } = true;

    internal Dictionary<string, string> Entities { get; } = new(StringComparer.Ordinal);

    internal RedisStateSource? Source { get; private set; }

    /// <summary>
    /// Keeps the states of this name in the table of a registered entity type (<c>AddEntity&lt;TState&gt;(entityType)</c>) instead of the
    /// generic one. The entity's id is the grain's key (<see cref="GrainEntityId"/>), so only one grain class may use the name.
    /// </summary>
    /// <param name="stateName">The name in <c>[PersistentState("stateName", "provider")]</c>.</param>
    /// <param name="entityType">The entity type; its state type must be the grain state's.</param>
    public WriteBehindGrainStorageOptions Map(string stateName, string entityType)
    {
        Entities[stateName] = entityType;
        return this;
    }

    /// <summary>
    /// Takes along what Microsoft.Orleans.Persistence.Redis stored: a state that is not here yet is looked for there, once. From then on
    /// the entry is closed: whoever still uses the old provider is told of a conflict and can't write it any more.
    /// </summary>
    /// <param name="configure">Says where it is; the default is the engine's Redis and the old provider's own keys and serializer.</param>
    public WriteBehindGrainStorageOptions MigrateFromRedis(Action<RedisStateSource>? configure = null)
    {
        Source = new RedisStateSource();
        configure?.Invoke(Source);
        return this;
    }
}
