namespace WriteBehind.AspNetCore;

/// <summary>
/// Who may call the endpoints of <see cref="WriteBehindEndpointRouteBuilderExtensions.MapWriteBehind"/>. As it comes: callers on
/// this machine, and authenticated ones.
/// </summary>
public sealed class WriteBehindEndpointOptions
{
    /// <summary>
    /// Lets in anonymous callers that connect directly from this machine under a loopback name (<c>localhost</c>,
    /// <c>127.0.0.1</c>, <c>[::1]</c>); default true. A request that carries a proxy's forwarding header is never one of them. Turn
    /// this off where other users or containers share the machine's loopback interface.
    /// </summary>
    public bool AllowLoopback { get; set; } = true;

    /// <summary>
    /// The authorization policy that all other callers must satisfy; default null: they must be authenticated and satisfy the host's
    /// default policy.
    /// </summary>
    public string? Policy { get; set; }

    /// <summary>
    /// Lets in everybody; default false. Dead letters show the states of entities, and flushes cost work: use this only where
    /// something before the host decides who may call.
    /// </summary>
    public bool AllowAnonymous { get; set; }
}
