namespace WriteBehind.Caching.Store;

/// <summary>What Redis has for a key.</summary>
internal enum EntryStatus
{
    /// <summary>Nothing that may be used.</summary>
    Miss,

    /// <summary>A fresh value, or the knowledge that there is none.</summary>
    Hit,

    /// <summary>A value that has expired and may be given where no better one can be had.</summary>
    Stale,

    /// <summary>The same, shortly after a load failed: it is given without another try.</summary>
    Paused,

    /// <summary>A write-through of it is under way, or its writer died: the database must be asked, and nothing be stored.</summary>
    Doubt,

    /// <summary>The key holds something that is not of this library. Reads and loads pass it by; a removal of the key deletes it.</summary>
    Foreign,
}
