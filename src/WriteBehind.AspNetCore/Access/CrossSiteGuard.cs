using Microsoft.AspNetCore.Http;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Access;

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
