using System.Net;
using Microsoft.AspNetCore.Http;

namespace WriteBehind.AspNetCore.Access;

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
