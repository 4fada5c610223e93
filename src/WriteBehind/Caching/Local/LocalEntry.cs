namespace WriteBehind.Caching.Local;

/// <summary>An entry of the first level. The value is shared by all who read it.</summary>
/// <param name="key">The key.</param>
/// <param name="value">The value; null where it is known to be absent.</param>
/// <param name="version">The version of the row, where it has one.</param>
/// <param name="tags">Its tags.</param>
/// <param name="loadTime">How long its load took.</param>
/// <param name="until">When it leaves the first level, as <see cref="TimeProvider.GetTimestamp"/> gives it.</param>
/// <param name="expiry">When it expires in Redis, likewise.</param>
/// <param name="loadStamp">The stamp of the load that made it.</param>
internal sealed class LocalEntry(
    string key, object? value, long? version, string[] tags, TimeSpan loadTime, long until, long expiry, long loadStamp)
{
    public string Key => key;

    public object? Value => value;

    public long? Version => version;

    public string[] Tags => tags;

    public TimeSpan LoadTime => loadTime;

    public long Until => until;

    public long Expiry => expiry;

    public long LoadStamp => loadStamp;

    /// <summary>Whether it was read since the last look for something to evict.</summary>
    public bool IsUsed { get; set; }
}
