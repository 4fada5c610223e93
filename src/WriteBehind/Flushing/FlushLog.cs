using Microsoft.Extensions.Logging;

namespace WriteBehind.Flushing;

/// <summary>What the flush pipeline says.</summary>
internal static partial class FlushLog
{
    [LoggerMessage(1, LogLevel.Warning, "The database can't take {Type} now; trying again in {Pause}. What waits is safe in Redis.")]
    public static partial void TransientFailure(ILogger logger, Exception error, string type, TimeSpan pause);

    [LoggerMessage(2, LogLevel.Information, "The database takes {Type} again.")]
    public static partial void Recovered(ILogger logger, string type);

    [LoggerMessage(3, LogLevel.Warning, "The database rejects {Type} '{Id}' at version {Version} (try {Attempt}): {Error}")]
    public static partial void Rejected(ILogger logger, string type, string id, long version, int attempt, string error);

    [LoggerMessage(
        12,
        LogLevel.Critical,
        "{Type} '{Id}' was saved as version {Settled}, and PostgreSQL answers with version {Stored} (0: no row): it went back, or a " +
        "replica that lags answers. The older state is not given.")]
    public static partial void StaleRow(ILogger logger, string type, string id, long settled, long stored);

    [LoggerMessage(13, LogLevel.Warning, "{Count} states of {Type} that Redis keeps are newer than their rows and are flushed again.")]
    public static partial void FlushedAgain(ILogger logger, string type, int count);

    [LoggerMessage(
        14,
        LogLevel.Warning,
        "What Redis keeps of {Type} could not be compared with its rows; the next load of an old row tries again.")]
    public static partial void NotRechecked(ILogger logger, Exception error, string type);

    [LoggerMessage(5, LogLevel.Critical,
        "{Type} '{Id}' is marked dirty, but Redis no longer has its state: it was evicted or deleted, and an acknowledged write is lost. " +
        "Check maxmemory-policy (it must be noeviction).")]
    public static partial void Lost(ILogger logger, string type, string id);

    [LoggerMessage(
        6, LogLevel.Warning, "{Type} '{Id}' was written by a newer release of the application; it is left to a process that can read it.")]
    public static partial void NewerSchema(ILogger logger, string type, string id);

    [LoggerMessage(7, LogLevel.Warning, "The lease on {Count} {Type} ended before they were saved; they stay dirty.")]
    public static partial void Expired(ILogger logger, int count, string type);

    [LoggerMessage(8, LogLevel.Warning, "{Type} '{Id}' waits, the others go on without it: {Error}")]
    public static partial void Blocked(ILogger logger, string type, string id, string error);

    [LoggerMessage(9, LogLevel.Error, "{Type} '{Id}' can't be flushed and stays dirty: {Error}")]
    public static partial void UnexpectedKey(ILogger logger, string type, string id, string error);

    [LoggerMessage(10, LogLevel.Warning,
        "{Type} '{Id}' is refused, and nothing else of the type was saved since to show that it is its own fault. It stays dirty and is " +
        "tried again; said once: {Error}")]
    public static partial void Unproven(ILogger logger, string type, string id, string error);

    [LoggerMessage(11, LogLevel.Error,
        "The database answers and takes nothing of {Type}, so no entity is to blame and none is set aside. What waits is safe in " +
        "Redis and is tried again and again; said once: {Error}")]
    public static partial void Refused(ILogger logger, string type, string error);

    [LoggerMessage(12, LogLevel.Information,
        "{Type} '{Id}' refers to a row that is not there (yet), or is referred to. It waits for that to be flushed: {Error}")]
    public static partial void WaitsForOthers(ILogger logger, string type, string id, string error);
}
