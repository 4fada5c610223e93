using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>That it is told where Redis went back.</summary>
internal static class Told
{
    /// <summary>
    /// By the process that was there, and knows; or by the one that began then, and can't, where that one was first. (Who comes second
    /// finds a Redis that has begun anew.)
    /// </summary>
    public static Task AsItWentBackAsync(TestEngine there, TestEngine? begun) => Eventually.TrueAsync(
        async () => await IsToldAsync(there, "went back to an older state")
            || (begun is not null && await IsToldAsync(begun, "another server took its place")),
        because: "it is seen in status and log");

    private static async Task<bool> IsToldAsync(TestEngine engine, string words)
        => (await engine.Engine.GetStatusAsync()).Durability.WentBackAt is not null && engine.Log.Has(LogLevel.Warning, words);
}
