namespace Orleans.WriteBehind;

/// <summary>
/// Calls are rate-limited. A call over the limit fails with <see cref="global::WriteBehind.RateLimitedException"/> before the grain sees it. Needs
/// <see cref="GrainRateLimitSiloBuilderExtensions.AddGrainRateLimits"/>.
/// </summary>
/// <remarks>
/// <para>It may be on the method of the grain interface, on the method of the grain class, on the interface, on one that this inherits, or on the
/// grain class; the first of them that has it counts. Of several inherited interfaces only one should.</para>
/// <para>Never limited are the runtime's own calls: reminders, timers, what streams deliver. An <c>IAsyncEnumerable</c> is not limited either, as
/// the runtime fetches its items with calls of its own.</para>
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
