namespace WriteBehind.Caching.Store;

/// <summary>What an entry is read for.</summary>
internal enum ReadMode
{
    /// <summary>To have its value; where there is none, to load it, with the lock.</summary>
    Get,

    /// <summary>The same without a lock.</summary>
    Look,

    /// <summary>To load it anew though it is fresh, if nobody else does or has done so, and no load of it has just failed.</summary>
    Refresh,
}
