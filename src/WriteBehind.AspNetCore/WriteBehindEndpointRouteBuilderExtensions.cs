using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.AspNetCore.Access;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Endpoints;
using WriteBehind.AspNetCore.Problems;
using WriteBehind.Health;

namespace WriteBehind.AspNetCore;

/// <summary>Maps the operator's endpoints.</summary>
public static class WriteBehindEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps the live page, <c>status</c>, <c>dead-letters/…</c> and <c>flush</c> below <paramref name="prefix"/>. Open to direct
    /// callers on this machine and to authenticated ones, as <see cref="WriteBehindEndpointOptions"/> says; requests that change
    /// something carry the header <c>X-WriteBehind: 1</c>. Errors are problem details.
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

        group.MapGet("", PageEndpoint.Get);
        group.MapGet("status", StatusEndpoint.GetAsync);
        group.MapGet("dead-letters/{type}", DeadLetterEndpoints.ListAsync);
        group.MapGet("dead-letters/{type}/show", DeadLetterEndpoints.ShowAsync);

        var changes = group.MapGroup("");
        changes.AddEndpointFilter(new CrossSiteGuard());
        changes.MapPost("dead-letters/{type}/retry", DeadLetterEndpoints.RetryAsync);
        changes.MapPost("dead-letters/{type}/retry-all", DeadLetterEndpoints.RetryAllAsync);
        changes.MapPost("dead-letters/{type}/discard", DeadLetterEndpoints.DiscardAsync);
        changes.MapPost("flush", FlushEndpoint.FlushAllAsync);
        return group;
    }
}

/// <summary>Maps the health endpoints.</summary>
public static class WriteBehindHealthEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps three health endpoints below <paramref name="prefix"/>, for everybody: <c>live</c> (the process answers; no check runs),
    /// <c>ready</c> (checks tagged <see cref="WriteBehindHealth.ReadyTag"/>: give it work or not) and the prefix itself (every
    /// registered check: what an operator is alarmed by). Healthy and degraded answer 200, unhealthy 503. The descriptions, which
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
        group.MapHealthChecks("", Select(static _ => true));
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
