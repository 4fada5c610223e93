namespace WriteBehind.Caching.Store;

/// <summary>A read of one entry.</summary>
/// <param name="Key">The key.</param>
/// <param name="Mode">What the read is for.</param>
/// <param name="Known">The stamp of the load that made the entry as the reader knows it: a refresh is not needed where there is a newer one.</param>
internal readonly record struct EntryRequest(string Key, ReadMode Mode, long Known);
