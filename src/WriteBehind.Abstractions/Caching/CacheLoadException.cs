namespace WriteBehind.Caching;

/// <summary>A cache had to load a value and could not. The loader's own error is the inner exception.</summary>
public sealed class CacheLoadException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public CacheLoadException(string cache, string key, Exception cause)
        : base(
            $"'{key}' of cache '{cache}' could not be loaded, and no stale value is at hand that may be given (MaxStale): {cause?.Message}",
            cache,
            key,
            cause)
    {
    }
}
