using Orleans.Storage;
using StackExchange.Redis;

namespace Orleans.WriteBehind;

/// <summary>Where Microsoft.Orleans.Persistence.Redis kept its states.</summary>
public sealed class RedisStateSource
{
    /// <summary>
    /// Connects to its Redis; default: the engine's connection. Called once, with the first state that is looked for, and again only where it
    /// failed. The connection is used for as long as the silo runs and not disposed: it stays its owner's.
    /// </summary>
    public Func<IServiceProvider, Task<IConnectionMultiplexer>>? Connect { get; set; }

    /// <summary>The key of an entry, as the old provider's <c>GetStorageKey</c> gave it; default <c>{ServiceId}/state/{grain id}/{state name}</c>.</summary>
    public Func<string, GrainId, RedisKey>? GetStorageKey { get; set; }

    /// <summary>The serializer the old provider was given; default: the silo's <see cref="IGrainStorageSerializer"/>.</summary>
    public IGrainStorageSerializer? Serializer { get; set; }
}
