namespace Orleans.WriteBehind;

/// <summary>
/// On a grain class: the registered entity type its state belongs to. Needed where more than one type has this state type.
/// Grain classes that share an entity type share its entities: two grains with the same key are then two owners of one entity.
/// </summary>
/// <param name="entityType">The name given to <c>AddEntity</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class WriteBehindAttribute(string entityType) : Attribute
{
    /// <summary>The registered name of the entity type.</summary>
    public string EntityType { get; } = entityType;
}

/// <summary>
/// On a method of a grain interface: its answer may show changes that Redis has not acknowledged yet and, should their save fail, never
/// will. Without it a call that runs while a save is under way is answered when that save is acknowledged. Saves readers of a hot
/// grain up to a round trip to Redis.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ShowsUnacknowledgedAttribute : Attribute;

/// <summary>
/// Calls are rate-limited. A call over the limit fails with <see cref="global::WriteBehind.RateLimits.RateLimitedException"/> before the
/// grain sees it. Needs <c>AddGrainRateLimits()</c> in the silo.
/// </summary>
/// <remarks>
/// <para>It may be on the method of the grain interface, on the method of the grain class, on the interface, on one that this inherits, or
/// on the grain class; the first of them that has it counts. Of several inherited interfaces only one should.</para>
/// <para>Never limited are the runtime's own calls: reminders, timers, what streams deliver. An <c>IAsyncEnumerable</c> is not limited
/// either, as the runtime fetches its items with calls of its own.</para>
/// </remarks>
/// <param name="limit">The name given to <c>AddRateLimit</c>.</param>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Interface | AttributeTargets.Class)]
public sealed class RateLimitedAttribute(string limit) : Attribute
{
    /// <summary>The registered name of the limit.</summary>
    public string Limit { get; } = limit;

    /// <summary>
    /// The key in <c>RequestContext</c> whose value names the caller; callers that set none share one window. Null (the default): the grain
    /// itself is what is limited, whoever calls it.
    /// </summary>
    public string? CallerKey { get; set; }
}
