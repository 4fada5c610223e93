using System.Threading.RateLimiting;

namespace WriteBehind.RateLimits;

/// <summary>What a lease says beside <see cref="MetadataName.RetryAfter"/> and <see cref="MetadataName.ReasonPhrase"/>.</summary>
public static class LimitMetadata
{
    /// <summary>The caller's limit.</summary>
    public static MetadataName<WindowLimit> Limit { get; } = new("WRITEBEHIND_LIMIT");

    /// <summary>How many permits are left in the window. Not there where Redis was not asked.</summary>
    public static MetadataName<int> Remaining { get; } = new("WRITEBEHIND_REMAINING");

    /// <summary>True where Redis was away and the decision is that of <see cref="LimitOptions.WhenAway"/>. Not there otherwise.</summary>
    public static MetadataName<bool> Unchecked { get; } = new("WRITEBEHIND_UNCHECKED");

    /// <summary>When the decision was made, in µs on Redis' clock. Not there where Redis was not asked.</summary>
    internal static MetadataName<long> DecidedAt { get; } = new("WRITEBEHIND_DECIDED_AT");
}
