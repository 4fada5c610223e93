using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>One entity as Redis and PostgreSQL have it.</summary>
/// <param name="Version">The version buffered in Redis; null where nothing is.</param>
/// <param name="Buffered">The state buffered; null for a tombstone.</param>
/// <param name="Nonce">The nonce of the write that is buffered.</param>
/// <param name="IsDirty">Whether it is marked dirty.</param>
/// <param name="Expires">Whether Redis will forget it by itself.</param>
/// <param name="Claim">The name of the claim on it; null where nobody holds it.</param>
/// <param name="Row">The row.</param>
internal sealed record Observation(long? Version, Item? Buffered, string? Nonce, bool IsDirty, bool Expires, string? Claim, ItemRow? Row)
{
    public static readonly Observation Nothing = new(null, null, null, IsDirty: false, Expires: false, null, null);

    public override string ToString()
    {
        var buffered = Version is null ? "not buffered" : $"v{Version} {(Buffered is null ? "tombstone" : $"#{Buffered.Quantity}")}";
        var row = Row is null ? "no row" : $"row v{Row.Version} #{Row.Quantity}";
        return $"{buffered}, {(IsDirty ? "dirty" : "clean")}{(Claim is null ? "" : ", claimed")}, {row}";
    }
}
