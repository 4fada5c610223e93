using StackExchange.Redis;

namespace WriteBehind.Caching.Limits;

/// <summary>One question to the script.</summary>
/// <param name="Key">The sorted set of the caller key.</param>
/// <param name="Permits">How many permits are wanted; 0 asks whether there is one and takes none.</param>
/// <param name="Limit">The caller's limit.</param>
internal readonly record struct LimitRequest(RedisKey Key, int Permits, WindowLimit Limit);
