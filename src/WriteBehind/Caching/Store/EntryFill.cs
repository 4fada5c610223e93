namespace WriteBehind.Caching.Store;

/// <summary>What was loaded, on its way into Redis.</summary>
/// <param name="Key">The key.</param>
/// <param name="Stamp">The stamp taken before the load.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Ttl">How long it is fresh, with jitter.</param>
/// <param name="Payload">The payload; null where the value is absent.</param>
/// <param name="LoadTime">How long the load took.</param>
/// <param name="Tags">Its tags.</param>
internal sealed record EntryFill(
    string Key, long Stamp, long? Version, TimeSpan Ttl, byte[]? Payload, TimeSpan LoadTime, IReadOnlyCollection<string> Tags);
