namespace WriteBehind.Caching.Store;

/// <summary>A read of one entry.</summary>
/// <param name="Key">The key.</param>
/// <param name="Mode">What the read is for.</param>
internal readonly record struct EntryRequest(string Key, ReadMode Mode);
