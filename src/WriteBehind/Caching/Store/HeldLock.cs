namespace WriteBehind.Caching.Store;

/// <summary>The lock of an entry, held by a load of this process.</summary>
/// <param name="Key">The key of the entry.</param>
/// <param name="Stamp">The stamp of the load: together with the process it is the owner.</param>
internal readonly record struct HeldLock(string Key, long Stamp);
