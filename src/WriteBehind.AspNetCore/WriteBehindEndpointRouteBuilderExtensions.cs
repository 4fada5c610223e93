using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.AspNetCore.Access;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Endpoints;
using WriteBehind.AspNetCore.Page;
using WriteBehind.AspNetCore.Problems;
using WriteBehind.Health;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the operator's endpoints.</summary>
public static class WriteBehindEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps the live page, <c>status</c>, <c>history</c>, <c>dead-letters/…</c>, <c>entities/…</c> and <c>flush</c> below
    /// <paramref name="prefix"/>. Open to direct callers on this machine and to authenticated ones, as
    /// <see cref="WriteBehindEndpointOptions"/> says; requests that change something carry the header <c>X-WriteBehind: 1</c>. Errors are
    /// problem details. From the start of the host on, the figures of the last hour are noted for the page, every ten seconds.
    /// </summary>
    /// <param name="endpoints">The host's endpoints.</param>
    /// <param name="prefix">The path they live below.</param>
    /// <param name="configure">Changes who may call.</param>
    /// <returns>The group of endpoints, to add further conventions to.</returns>
    public static RouteGroupBuilder MapWriteBehind(
        this IEndpointRouteBuilder endpoints, string prefix = "/writebehind", Action<WriteBehindEndpointOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var options = new WriteBehindEndpointOptions();
        configure?.Invoke(options);

        var group = endpoints.MapGroup(prefix).ExcludeFromDescription();
        group.AddEndpointFilter(new ProblemFilter());
        group.AddEndpointFilter(new CallerGuard(options));

        var history = PageHistory.Of(endpoints.ServiceProvider);
        group.MapGet("", PageEndpoint.Get);
        group.MapGet("status", history.GetStatusAsync);
        group.MapGet("history", history.Get);
        group.MapGet("dead-letters/{type}", DeadLetterEndpoints.ListAsync);
        group.MapGet("dead-letters/{type}/causes", DeadLetterEndpoints.CausesAsync);
        group.MapGet("dead-letters/{type}/show", DeadLetterEndpoints.ShowAsync);
        group.MapGet("entities/{type}/show", EntityEndpoints.InspectAsync);
        group.MapGet("entities/{type}/oldest", EntityEndpoints.OldestAsync);

        var changes = group.MapGroup("");
        changes.AddEndpointFilter(new CrossSiteGuard());
        changes.MapPost("dead-letters/{type}/retry", DeadLetterEndpoints.RetryAsync);
        changes.MapPost("dead-letters/{type}/retry-all", DeadLetterEndpoints.RetryAllAsync);
        changes.MapPost("dead-letters/{type}/discard", DeadLetterEndpoints.DiscardAsync);
        changes.MapPost("dead-letters/{type}/discard-all", DeadLetterEndpoints.DiscardAllAsync);
        changes.MapPost("entities/{type}/flush", EntityEndpoints.FlushAsync);
        changes.MapPost("entities/{type}/verify", EntityEndpoints.VerifyAsync);
        changes.MapPost("entities/{type}/reconcile", EntityEndpoints.ReconcileAsync);
        changes.MapPost("flush", FlushEndpoints.FlushAllAsync);
        changes.MapPost("flush/{type}/pause", FlushEndpoints.PauseAsync);
        changes.MapPost("flush/{type}/resume", FlushEndpoints.ResumeAsync);
        return group;
    }
}

/// <summary>Maps the health endpoints.</summary>
public static class WriteBehindHealthEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps three health endpoints below <paramref name="prefix"/>, for everybody: <c>live</c> (the process answers; no check runs),
    /// <c>ready</c> (checks tagged <see cref="WriteBehindHealth.ReadyTag"/>: give it work or not) and the prefix itself (every
    /// registered check: what an operator is alarmed by). Where the application has an endpoint at the prefix itself, as with Aspire's
    /// defaults, that one answers there. Healthy and degraded answer 200, unhealthy 503. The descriptions, which
    /// may quote errors, are shown to direct callers on this machine and to authenticated ones only.
    /// </summary>
    /// <param name="endpoints">The host's endpoints.</param>
    /// <param name="prefix">The path they live below.</param>
    /// <param name="configure">Changes who is shown the descriptions.</param>
    /// <returns>The group of endpoints, to add further conventions to.</returns>
    public static RouteGroupBuilder MapWriteBehindHealth(
        this IEndpointRouteBuilder endpoints, string prefix = "/health", Action<WriteBehindEndpointOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var options = new WriteBehindEndpointOptions();
        configure?.Invoke(options);
        var guard = new CallerGuard(options);

        var group = endpoints.MapGroup(prefix);
        group.MapHealthChecks("live", Select(static _ => false));
        group.MapHealthChecks("ready", Select(static check => check.Tags.Contains(WriteBehindHealth.ReadyTag)));

        // Behind every other endpoint at this path: Aspire's defaults, and many applications, have a /health with every check already.
        group.MapHealthChecks("", Select(static _ => true)).WithOrder(1);
        return group;

        HealthCheckOptions Select(Func<HealthCheckRegistration, bool> predicate) => new()
        {
            Predicate = predicate,
            ResponseWriter = async (http, report) => await http.Response.WriteAsJsonAsync(
                HealthDocument.From(report, await guard.AdmitsAsync(http).ConfigureAwait(false)),
                WriteBehindJson.Default.HealthDocument,
                contentType: null,
                http.RequestAborted).ConfigureAwait(false),
        };
    }
}

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

/// <summary>Registers the translation of the library's errors into problem details.</summary>
public static class WriteBehindProblemServiceCollectionExtensions
{
    /// <summary>
    /// Makes the host's own endpoints answer the library's errors with problem details (RFC 9457): 409 for a write conflict, 503 for
    /// a full or absent Redis, and so on, with the entity concerned. Takes effect with <c>app.UseExceptionHandler()</c>.
    /// </summary>
    public static IServiceCollection AddWriteBehindProblemDetails(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddProblemDetails().AddExceptionHandler<WriteBehindExceptionHandler>();
    }
}
