namespace WriteBehind.Common;

/// <summary>
/// The categories under which the engine's parts log. Operators filter by them, so they stay as they are if a class moves to another
/// namespace.
/// </summary>
internal static class LogCategories
{
    public const string Engine = "WriteBehind.WriteBehindEngine";
    public const string Durability = "WriteBehind.Durability.DurabilityGuard";
    public const string FlushNotices = "WriteBehind.Caching.Queues.FlushNotifier";
    public const string Queue = "WriteBehind.Caching.Queues.ReliableQueue";
    public const string RateLimits = "WriteBehind.Caching.Limits.RateLimits";
    public const string PostgresPooler = "WriteBehind.EntityFrameworkCore.Pooler";
    public const string PostgresInvalidation = "WriteBehind.EntityFrameworkCore.Caching.PostgresInvalidation";
}
