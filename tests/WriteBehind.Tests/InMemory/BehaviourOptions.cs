using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What a <see cref="BehaviourHost"/> is made of.</summary>
public sealed record BehaviourOptions
{
    /// <summary>Changes the settings of the entity type <c>item</c>.</summary>
    public Action<EntityTypeOptions<Item>>? Item { get; init; }

    /// <summary>Changes the engine's settings.</summary>
    public Action<WriteBehindOptions>? Engine { get; init; }

    /// <summary>Whether Redis is going to be harmed: then it is nobody else's, and time-outs are short.</summary>
    public bool HarmsRedis { get; init; }
}
