namespace WriteBehind.Caching.Store;

/// <summary>An entry as Redis has it.</summary>
/// <param name="Status">What it is good for.</param>
/// <param name="Locked">Whether the reader holds the lock now and is to load.</param>
/// <param name="Payload">The payload; null where there is none, or the value is known to be absent.</param>
/// <param name="Version">The version of the row, where it has one.</param>
/// <param name="Left">How long it is fresh.</param>
/// <param name="LoadTime">How long its load took.</param>
/// <param name="Tags">Its tags.</param>
/// <param name="Stamp">The stamp for a load that begins now; 0 where none was given.</param>
/// <param name="LoadStamp">The stamp of the load that made it.</param>
internal readonly record struct StoredEntry(
    EntryStatus Status, bool Locked, byte[]? Payload, long? Version, TimeSpan Left, TimeSpan LoadTime, string[] Tags, long Stamp, long LoadStamp)
{
    /// <summary>What is known where Redis can't be asked.</summary>
    public static readonly StoredEntry Unknown = new(EntryStatus.Miss, false, null, null, TimeSpan.Zero, TimeSpan.Zero, [], 0, 0);
}
