using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Access;

/// <summary>Lets in whom <see cref="WriteBehindEndpointOptions"/> names, and nobody else.</summary>
internal sealed class CallerGuard(WriteBehindEndpointOptions options) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        context.HttpContext.Response.Headers.CacheControl = "no-store";
        var (verdict, policy) = await JudgeAsync(context.HttpContext).ConfigureAwait(false);
        return verdict == Verdict.Admitted
            ? await next(context).ConfigureAwait(false)
            : await RefuseAsync(context.HttpContext, verdict, policy).ConfigureAwait(false);
    }

    /// <summary>Whether this caller would be let in.</summary>
    public async Task<bool> AdmitsAsync(HttpContext http) => (await JudgeAsync(http).ConfigureAwait(false)).Verdict == Verdict.Admitted;

    private async Task<(Verdict Verdict, AuthorizationPolicy? Policy)> JudgeAsync(HttpContext http)
    {
        var local = options.AllowLoopback && LoopbackCaller.IsDirect(http);
        if (options.AllowAnonymous || (local && LoopbackCaller.NamesLoopback(http.Request.Host)))
        {
            return (Verdict.Admitted, null);
        }

        var policy = await FindPolicyAsync(http).ConfigureAwait(false);
        var verdict = policy is null ? JudgeUser(http) : await JudgeByPolicyAsync(http, policy).ConfigureAwait(false);
        return (verdict == Verdict.Unauthenticated && local ? Verdict.ForeignName : verdict, policy);
    }

    private async Task<AuthorizationPolicy?> FindPolicyAsync(HttpContext http)
    {
        var policies = http.RequestServices.GetService<IAuthorizationPolicyProvider>();
        if (options.Policy is null)
        {
            return policies is null ? null : await policies.GetDefaultPolicyAsync().ConfigureAwait(false);
        }

        var policy = policies is null ? null : await policies.GetPolicyAsync(options.Policy).ConfigureAwait(false);
        return policy ?? throw new ConfigurationException(
            $"{nameof(WriteBehindEndpointOptions)}.{nameof(options.Policy)}",
            $"{nameof(WriteBehindEndpointOptions)}.{nameof(options.Policy)} names the authorization policy '{options.Policy}', which is " +
            "not registered. Register it with AddAuthorization, or name another one.");
    }

    private static async Task<Verdict> JudgeByPolicyAsync(HttpContext http, AuthorizationPolicy policy)
    {
        var evaluator = http.RequestServices.GetRequiredService<IPolicyEvaluator>();
        var authentication = await evaluator.AuthenticateAsync(policy, http).ConfigureAwait(false);
        var result = await evaluator.AuthorizeAsync(policy, authentication, http, http).ConfigureAwait(false);

        // A policy of the host may ask for less than a name (an assertion that is always true, say). These endpoints do not.
        var user = authentication.Principal ?? http.User;
        if (user.Identity is not { IsAuthenticated: true })
        {
            return Verdict.Unauthenticated;
        }

        return result.Succeeded ? Verdict.Admitted : result.Challenged ? Verdict.Unauthenticated : Verdict.Forbidden;
    }

    private static Verdict JudgeUser(HttpContext http)
        => http.User.Identity is { IsAuthenticated: true } ? Verdict.Admitted : Verdict.Unauthenticated;

    private static async Task<IResult> RefuseAsync(HttpContext http, Verdict verdict, AuthorizationPolicy? policy)
    {
        if (verdict == Verdict.Forbidden)
        {
            return WriteBehindProblems.Forbidden("The authorization policy of these endpoints refuses this caller.");
        }

        if (verdict == Verdict.ForeignName)
        {
            return WriteBehindProblems.Forbidden(
                "A caller on this machine is let in without authentication only under a loopback name: use localhost, 127.0.0.1 or [::1] " +
                "in the address.");
        }

        var schemes = await SchemesAsync(http, policy).ConfigureAwait(false);
        if (schemes.Count == 0)
        {
            return WriteBehindProblems.Forbidden(
                "Anonymous callers are let in from the machine itself only, and this host has no authentication that others could use. " +
                "Call from the machine, add authentication to the host, or set WriteBehindEndpointOptions.AllowAnonymous.");
        }

        foreach (var scheme in schemes)
        {
            await http.ChallengeAsync(scheme).ConfigureAwait(false);
        }

        // A cookie scheme answers with a redirect to its login page; that is the better answer for a browser.
        return http.Response.StatusCode is StatusCodes.Status401Unauthorized or StatusCodes.Status200OK
            ? WriteBehindProblems.Unauthenticated("Anonymous callers are let in from the machine itself only; authenticate.")
            : Results.Empty;
    }

    private static async Task<IReadOnlyList<string>> SchemesAsync(HttpContext http, AuthorizationPolicy? policy)
    {
        if (policy is { AuthenticationSchemes.Count: > 0 })
        {
            return policy.AuthenticationSchemes;
        }

        var schemes = http.RequestServices.GetService<IAuthenticationSchemeProvider>();
        var scheme = schemes is null ? null : await schemes.GetDefaultChallengeSchemeAsync().ConfigureAwait(false);
        return scheme is null ? [] : [scheme.Name];
    }
}

/// <summary>What the guard says of a caller.</summary>
internal enum Verdict
{
    /// <summary>It may go on.</summary>
    Admitted,

    /// <summary>It is not authenticated.</summary>
    Unauthenticated,

    /// <summary>It is authenticated, but the policy refuses it.</summary>
    Forbidden,

    /// <summary>It is local, but came under a name that is not a loopback name.</summary>
    ForeignName,
}

/// <summary>Tells a caller on this machine from one that only looks like it.</summary>
internal static class LoopbackCaller
{
    // Behind a reverse proxy on the same machine every caller comes from 127.0.0.1. Proxies say for whom they speak in one of
    // these; the X-Original ones are what ASP.NET Core's forwarded headers middleware leaves once it has believed a proxy.
    private static readonly string[] ForwardingHeaders =
    [
        "Forwarded", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
        "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Original-For", "X-Original-Host", "X-Original-Proto", "X-Real-IP",
        "X-Client-IP", "X-Cluster-Client-IP", "X-Envoy-External-Address", "X-ProxyUser-Ip", "True-Client-IP", "CF-Connecting-IP",
        "Fastly-Client-IP", "Fly-Client-IP", "X-ARR-ClientCert", "X-Azure-ClientIP",
    ];

    /// <summary>Whether the connection comes from this machine and no proxy stands between. An unknown address counts as remote.</summary>
    public static bool IsDirect(HttpContext http)
        => http.Connection.RemoteIpAddress is { } address
        && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)
        && !ForwardingHeaders.Any(http.Request.Headers.ContainsKey);

    /// <summary>
    /// Whether the caller asked for this machine by a loopback name. A browser that was led here by a foreign name (DNS rebinding)
    /// did not.
    /// </summary>
    public static bool NamesLoopback(HostString host)
    {
        var name = host.Host.TrimEnd('.');
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(name, out var address) && IPAddress.IsLoopback(address));
    }
}

/// <summary>
/// Keeps a foreign web page from using the operator's browser, which may stand on the machine itself or be logged in, to change
/// something. The header is the lock: a page can't set it on another site's request without asking first (CORS preflight). The
/// rest holds where a generous CORS policy of the host would say yes.
/// </summary>
internal sealed class CrossSiteGuard : IEndpointFilter
{
    public const string Header = "X-WriteBehind";

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        if (request.Headers[Header] != "1")
        {
            return new(
                WriteBehindProblems.Forbidden($"A request that changes something carries the header '{Header}: 1'; this one does not."));
        }

        return IsSameSite(request)
            ? next(context)
            : new(WriteBehindProblems.Forbidden("The request comes from a page of another site."));
    }

    private static bool IsSameSite(HttpRequest request)
    {
        // Browsers set Sec-Fetch-Site themselves, and no page can change it. Callers that are no browsers send neither header.
        if (request.Headers.TryGetValue("Sec-Fetch-Site", out var site))
        {
            return site == "same-origin" || site == "none";
        }

        if (!request.Headers.TryGetValue("Origin", out var origin))
        {
            return true;
        }

        return Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && Uri.TryCreate($"{uri.Scheme}://{request.Host}", UriKind.Absolute, out var own)
            && Uri.Compare(uri, own, UriComponents.HostAndPort, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
    }
}
