using System.Globalization;
using System.Text.Json;
using Orleans.Storage;
using StackExchange.Redis;
using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>The settings of write-behind in a silo, beside those of the engine. Validated at start-up.</summary>
public sealed class WriteBehindGrainOptions
{
    /// <summary>
    /// How long a grain waits for its flush on deactivation, or where it asks for one; default 5 s. Below the 30 s that Orleans gives a
    /// deactivation. What does not get through stays dirty in Redis and is flushed later.
    /// </summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Refuse calls before they begin while the save they would end in would be refused (the buffer is full, Redis is away); default
    /// true. Only methods that have been seen to save are refused.
    /// </summary>
    public bool RefuseEarly { get; set; } = true;

    /// <summary>
    /// How many grains of the cluster share the sweep; default 4, at most 64. The same in all silos. More share a huge backlog
    /// better after a crash; each costs one reminder and a look at its shards every few seconds.
    /// </summary>
    public int SweepGrains { get; set; } = 4;

    /// <summary>Whether the cluster sweeps at all, which takes a reminder service. Not where the engine is in memory.</summary>
    internal bool Sweeps { get; set; } = true;
}

/// <summary>The settings of one write-behind grain storage provider.</summary>
public sealed class WriteBehindGrainStorageOptions
{
    internal WriteBehindGrainStorageOptions(string providerName)
        => EntityType = "grain-" + string.Concat(
            providerName.ToLowerInvariant().Select(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' ? c : '-'));

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
    /// Which serializer writes states; default <see cref="GrainStateFormat.JsonWherePossible"/>. States of either form are read.
    /// </summary>
    public GrainStateFormat Format { get; set; }

    /// <summary>
    /// The serializer for what is not written with <see cref="Json"/>; default: the silo's <see cref="IGrainStorageSerializer"/>, which is
    /// Orleans' JSON, or what the silo registers instead (<c>OrleansGrainStorageSerializer</c> is Orleans' binary form). States it wrote
    /// are read with it, so it can't be exchanged for one that does not read them.
    /// </summary>
    public IGrainStorageSerializer? Serializer { get; set; }

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

/// <summary>Which serializer writes the states of a grain storage provider.</summary>
public enum GrainStateFormat
{
    /// <summary>
    /// System.Text.Json, and the silo's serializer for each state that would not come back from it as it is: with members of an interface
    /// or a base class, grain references, fields that only Orleans knows.
    /// </summary>
    JsonWherePossible,

    /// <summary>System.Text.Json alone: a state that would not come back as it is is refused. All rows can be queried.</summary>
    Json,

    /// <summary>The silo's serializer alone, as a provider of Orleans has it.</summary>
    Silo,
}

/// <summary>Where Microsoft.Orleans.Persistence.Redis kept its states.</summary>
public sealed class RedisStateSource
{
    /// <summary>
    /// Connects to its Redis; default: the engine's connection. Called once, with the first state that is looked for, and again only where
    /// it failed. The connection is used for as long as the silo runs and not disposed: it stays its owner's.
    /// </summary>
    public Func<IServiceProvider, Task<IConnectionMultiplexer>>? Connect { get; set; }

    /// <summary>
    /// The key of an entry, as the old provider's <c>GetStorageKey</c> gave it; default <c>{ServiceId}/state/{grain id}/{state name}</c>.
    /// </summary>
    public Func<string, GrainId, RedisKey>? GetStorageKey { get; set; }

    /// <summary>The serializer the old provider was given; default: the silo's <see cref="IGrainStorageSerializer"/>.</summary>
    public IGrainStorageSerializer? Serializer { get; set; }
}

/// <summary>What limits a call.</summary>
/// <param name="Limit">The registered name of the limit.</param>
/// <param name="CallerKey">Whose window it counts in.</param>
public readonly record struct GrainLimit(string Limit, string CallerKey);

/// <summary>
/// The entity id of a grain, as its table's key reads it: a string key as it is, an integer in decimal, a Guid in lower-case groups of
/// 8-4-4-4-12, and of a compound key both parts composed (<see cref="EntityId.Compose"/>).
/// </summary>
public static class GrainEntityId
{
    /// <summary>The entity id of a grain.</summary>
    /// <param name="grain">The grain instance: its key interface (<c>IGrainWithIntegerKey</c>, …) says what kind of key it has.</param>
    /// <param name="grainId">Its id.</param>
    public static string Of(object? grain, GrainId grainId) => grain switch
    {
        IGrainWithIntegerKey => Integer(grainId.GetIntegerKey()),
        IGrainWithGuidKey => Guid(grainId.GetGuidKey()),
        IGrainWithIntegerCompoundKey => EntityId.Compose(Integer(grainId.GetIntegerKey(out var extension)), extension ?? string.Empty),
        IGrainWithGuidCompoundKey => EntityId.Compose(Guid(grainId.GetGuidKey(out var extension)), extension ?? string.Empty),
        _ => grainId.Key.ToString() ?? string.Empty,
    };

    private static string Integer(long key) => key.ToString(CultureInfo.InvariantCulture);

    private static string Guid(Guid key) => key.ToString("D", CultureInfo.InvariantCulture);
}
