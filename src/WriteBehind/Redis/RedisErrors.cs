using System.Security.Authentication;
using StackExchange.Redis;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>Turns what StackExchange.Redis throws into this library's error, and says whether a write may have happened.</summary>
internal static class RedisErrors
{
    // What Redis answers instead of working, and what to do about it. None of these lets a script or a transaction begin.
    private static readonly (string Prefix, string Advice)[] Refusals =
    [
        (
            "READONLY",
            "it is a read-only replica. If it was the master, the roles were switched: all servers of the configuration are " +
            "asked for theirs anew, at once. If this lasts, none of them is the master: add the one that is."),
        (
            "OOM",
            "it has reached maxmemory and the policy is noeviction, as it should be: give it more memory, or lower MaxDirty or FenceTime."),
        (
            "EXECABORT",
            "it refused a command of a transaction and does not say why: the user lacks a permission, it has reached " +
            "maxmemory, or it can't write at present."),
        ("MISCONF", "it can't write its snapshot or append-only file: look at its disk."),
        ("NOAUTH", "it asks for a password: add password=… to the configuration."),
        ("WRONGPASS", "user name or password are wrong, or were changed."),
        ("LOADING", "it is still loading its data."),
        ("MASTERDOWN", "the replica has lost its master."),
        ("CLUSTERDOWN", "the cluster is down."),
        ("CROSSSLOT", "several servers share the keys."),
        ("TRYAGAIN", "the slot is being moved."),
        ("NOREPLICAS", "too few replicas are connected (min-replicas-to-write)."),
        ("BUSY", "a script blocks it."),
        ("NOSCRIPT", "it forgot a script that was just loaded."),
        ("DENIED", "it is in protected mode."),
    ];

    private const string BecauseOf = "because of: ";

    private static readonly Version Needed = new(6, 2);

    /// <summary>What the client library assumes of a server that does not tell its version.</summary>
    private static readonly Version Assumed = new(6, 0, 0);

    /// <summary>Whether the exception is Redis' or the network's, rather than a mistake of ours or the caller's cancellation.</summary>
    public static bool IsRedis(Exception exception, CancellationToken cancellationToken)
        => exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException
                or System.Net.Sockets.SocketException or IOException

            // A command that was on its way when its connection broke is cancelled by the library at times (seen with 2.13).
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)

            // Or gets the error of the pipe that the library was reading from when it gave the connection up (seen with 2.13).
            || exception is InvalidOperationException { Source: "System.IO.Pipelines" };

    /// <summary>
    /// Whether Redis refused a transaction because it has reached maxmemory, or did not say why. (It says so where EXEC itself is
    /// refused; where a queued command was, it speaks of previous errors only.)
    /// </summary>
    public static bool MayBeOutOfMemory(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException { Message: var message }
            && (message.StartsWith("OOM", StringComparison.Ordinal)
                || (message.StartsWith("EXECABORT", StringComparison.Ordinal)
                    && (message.Contains("OOM", StringComparison.Ordinal)
                        || message.Contains("previous errors", StringComparison.Ordinal))));

    /// <summary>Whether Redis does not know the script that it was to run by its name. Nothing ran.</summary>
    public static bool IsScriptUnknown(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException { Message: var message }
            && message.StartsWith("NOSCRIPT", StringComparison.Ordinal);

    /// <summary>Whether a key that the command needs holds another kind of value.</summary>
    public static bool IsWrongType(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException refused && refused.Message.Contains("WRONGTYPE", StringComparison.Ordinal);

    /// <summary>
    /// Whether the user may not run a command, or there is no such command, or the client library is told not to send it.
    /// </summary>
    public static bool IsForbidden(BufferUnavailableException exception)
        => exception.InnerException is RedisCommandException
            || IsUnknownCommand(exception)
            || (exception.InnerException is RedisServerException { Message: var message }
                && (message.Contains("NOPERM", StringComparison.Ordinal)
                    || message.Contains("EXEC without MULTI", StringComparison.Ordinal)));

    /// <summary>Whether the server has no such command, or had it renamed or taken away.</summary>
    public static bool IsUnknownCommand(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException { Message: var message }
            && message.Contains("unknown command", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether it is the keys that Redis (or the client library, before it sends anything) complains of, which others may not share: their
    /// slots, their kinds, or a permission for them.
    /// </summary>
    public static bool IsOfKeys(BufferUnavailableException exception)
        // What waited behind the call that was refused failed with it (GroupBatcher).
        => (exception.InnerException is BufferUnavailableException first && IsOfKeys(first))
            || (exception.InnerException is RedisCommandException { Message: var said }
                && said.Contains("single slot", StringComparison.Ordinal))
            || exception.InnerException is RedisServerException { Message: var message }
            && (message.Contains("CROSSSLOT", StringComparison.Ordinal)
                || message.Contains("WRONGTYPE", StringComparison.Ordinal)
                || message.Contains("NOPERM", StringComparison.Ordinal)
                || message.Contains("MOVED", StringComparison.Ordinal));

    /// <summary>Whether Redis refused because it has reached maxmemory. Nothing was written.</summary>
    public static bool IsOutOfMemory(BufferUnavailableException exception) => Tells("OOM", exception);

    /// <summary>
    /// Whether the keys are about to be elsewhere, and nothing ran: those of one slot are being moved, or the server that was master is
    /// none any more, and the client library has been told to look for the new one.
    /// </summary>
    public static bool IsOfMove(BufferUnavailableException exception) => Tells("TRYAGAIN", exception) || Tells("READONLY", exception);

    /// <summary>What Redis means by an error, for people.</summary>
    public static string Explain(string error)
    {
        foreach (var (prefix, advice) in Refusals)
        {
            if (Says(error, prefix))
            {
                return $"Redis refuses ({prefix}): {advice}";
            }
        }

        return $"Redis refuses: {error}";
    }

    /// <summary>
    /// Whether another server may be the master by now: the one that was written to is none (any more), or nothing came of a command while
    /// one of the servers is away or was a replica when the library last looked.
    /// </summary>
    public static bool MayHaveNewMaster(Exception exception, IConnectionMultiplexer redis)
    {
        if (exception is RedisServerException { Message: var message })
        {
            return Says(message, "READONLY");
        }

        var servers = exception is RedisConnectionException or TimeoutException ? redis.GetServers() : [];
        return servers.Any(static server => server.IsConnected)
            && servers.Any(static server => !server.IsConnected || server.IsReplica);
    }

    /// <summary>Whether a single command of a script is what Redis complains of: it does not know it, or the user may not use it.</summary>
    public static bool IsOfCommandInScript(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException { Message: var message }
            && (message.Contains("Unknown Redis command", StringComparison.Ordinal) || IsPermission(message));

    /// <summary>Whether no answer came, rather than one that says what is wrong.</summary>
    public static bool IsSilence(BufferUnavailableException exception)
        => exception.InnerException is { } cause and not RedisServerException && OfConnection(cause) is null;

    /// <summary>
    /// Why there is no connection, where it was told: wrong credentials, or a failed TLS handshake. Null where there is just none.
    /// </summary>
    public static string? OfConnection(Exception exception)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            // The library calls both an authentication failure, and puts the type of the cause into its text.
            const string OfTls = "(AuthenticationException) ";
            var tls = e.Message.IndexOf(OfTls, StringComparison.Ordinal);
            if (e is AuthenticationException || tls >= 0)
            {
                return "the TLS handshake failed: " + e.Message[(tls < 0 ? 0 : tls + OfTls.Length)..].TrimEnd('.') +
                    ". Check the server's certificate (who issued it, for which name, until when), and that the server speaks TLS at " +
                    "this port.";
            }

            if (e is RedisException or AggregateException && SaysCredentials(e.Message))
            {
                return "it refuses the user name or password. Check both in the configuration; they may have been changed.";
            }
        }

        return null;
    }

    /// <param name="exception">What was thrown.</param>
    /// <param name="redis">The connection, for what only the server's version can explain.</param>
    public static BufferUnavailableException Translate(Exception exception, IConnectionMultiplexer? redis = null)
    {
        if (exception is RedisCommandException)
        {
            return new BufferUnavailableException(
                $"The Redis client did not send a command: {exception.Message} Nothing was written.", cause: exception);
        }

        if (exception is RedisServerException refused)
        {
            return OfAnswer(refused, redis);
        }

        return new BufferUnavailableException(
            OfConnection(exception) is { } why
                ? $"There is no connection to Redis: {why}"
                : "Redis did not answer: the connection was lost, or the time-out passed.",
            outcomeUnknown: true,
            cause: exception);
    }

    private static BufferUnavailableException OfAnswer(RedisServerException refused, IConnectionMultiplexer? redis)
    {
        // A refused EXEC says why, behind a code of its own. Whatever it is, nothing of the transaction happened.
        var message = refused.Message;
        var reason = message.IndexOf(BecauseOf, StringComparison.Ordinal);
        var isAborted = Says(message, "EXECABORT");
        message = isAborted && reason >= 0 ? message[(reason + BecauseOf.Length)..] : message;
        foreach (var (prefix, advice) in Refusals)
        {
            if (Says(message, prefix))
            {
                return new BufferUnavailableException($"Redis refused ({prefix}): {advice} Nothing was written.", cause: refused);
            }
        }

        if (IsPermission(message))
        {
            // Permissions are checked command by command, also inside a script: what ran before this one has happened.
            var isWhole = isAborted || !message.Contains("script", StringComparison.OrdinalIgnoreCase);
            return new BufferUnavailableException(
                $"Redis refused (NOPERM): the user lacks a permission that the keys and scripts need (ACL). {refused.Message}" +
                (isWhole ? " Nothing was written." : string.Empty),
                outcomeUnknown: !isWhole,
                cause: refused);
        }

        if (message.Contains("EXEC without MULTI", StringComparison.Ordinal))
        {
            // Then the library has sent the commands all the same, and they were carried out one by one.
            return new BufferUnavailableException(
                "Redis refused to begin a transaction (MULTI): the user lacks the permission, or the command is renamed or switched off " +
                "there.",
                outcomeUnknown: true,
                cause: refused);
        }

        if (message.Contains("unknown Redis command", StringComparison.OrdinalIgnoreCase))
        {
            return OfUnknownCommand(refused, redis);
        }

        if (message.Contains("unknown command", StringComparison.OrdinalIgnoreCase))
        {
            return new BufferUnavailableException(
                $"Redis does not know a command that is needed; it may be renamed or switched off there (rename-command). " +
                $"Nothing was written. {refused.Message}",
                cause: refused);
        }

        // An error inside a script: what ran before it has happened.
        return new BufferUnavailableException($"Redis answered with an error: {refused.Message}", outcomeUnknown: true, cause: refused);
    }

    private static BufferUnavailableException OfUnknownCommand(RedisServerException refused, IConnectionMultiplexer? redis)
    {
        var masters = redis?.GetServers().Where(static server => server is { IsConnected: true, IsReplica: false }) ?? [];
        Version[] versions = [.. masters.Select(static server => server.Version)];
        if (versions.FirstOrDefault(static version => version < Needed && version != Assumed) is { } old)
        {
            // The first command that older ones lack is asked before anything is written.
            return new BufferUnavailableException(
                $"Redis is too old: it is {old}, and {Needed} or newer is needed. Nothing was written. {refused.Message}", cause: refused);
        }

        var isNew = versions.Length > 0 && versions.All(static version => version >= Needed);
        var orOld = isNew ? string.Empty : $", or it is older than {Needed}";
        return new BufferUnavailableException(
            $"Redis does not know a command that a script needs: it is renamed or switched off there (rename-command){orOld}. " +
            refused.Message,
            outcomeUnknown: true,
            cause: refused);
    }

    /// <summary>Whether it says so, or what caused it does: the refusal of a batch is the cause of what those behind it got.</summary>
    private static bool Tells(string code, Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is RedisServerException { Message: var message } && Says(message, code))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Says(string message, string code)
        => message.StartsWith(code, StringComparison.Ordinal) || message.Contains($"-{code} ", StringComparison.Ordinal);

    /// <summary>
    /// Whether a permission is missing: of the command or a key itself, or of one inside a script, in the words of Redis 6, 7 and 8.
    /// </summary>
    private static bool IsPermission(string message)
        => message.Contains("NOPERM", StringComparison.Ordinal)
            || message.Contains("ACL failure in script", StringComparison.Ordinal)
            || message.Contains("The user executing the script can't", StringComparison.Ordinal);

    private static bool SaysCredentials(string message)
        => message.Contains("WRONGPASS", StringComparison.Ordinal)
            || message.Contains("NOAUTH", StringComparison.Ordinal)
            || message.Contains("AuthenticationFailure", StringComparison.Ordinal)
            || message.Contains("invalid password", StringComparison.OrdinalIgnoreCase)
            || message.Contains("authentication failure", StringComparison.OrdinalIgnoreCase);
}

/// <summary>
/// Remembers for a moment that Redis did not answer for a shard. Callers pass Redis by meanwhile: each of them would wait for its time-out
/// before it turns to what is left. Per shard, because the others may be on servers that are well.
/// </summary>
/// <param name="shards">How many shards there are.</param>
/// <param name="pause">For how long Redis is not asked again.</param>
/// <param name="noted">Called for each time that Redis did not answer.</param>
/// <param name="time">The clock.</param>
internal sealed class ShardAbsence(int shards, TimeSpan pause, Action noted, TimeProvider time)
{
    private readonly long[] _until = [.. Enumerable.Repeat(long.MinValue, shards)];

    public bool IsAway(int shard) => time.GetTimestamp() < Volatile.Read(ref _until[shard]);

    /// <summary>For how long the shard is still passed by; zero if it may be asked.</summary>
    public TimeSpan Remaining(int shard)
    {
        var (now, until) = (time.GetTimestamp(), Volatile.Read(ref _until[shard]));
        return now < until ? time.GetElapsedTime(now, until) : TimeSpan.Zero;
    }

    public void Note(int shard)
    {
        noted();
        Volatile.Write(ref _until[shard], time.In(pause));
    }
}

/// <summary>
/// Whether calls go shard by shard for a while, as one for several was refused: the cause may be over soon (a slot that moved, a
/// permission).
/// </summary>
internal sealed class CallsApart(TimeProvider time)
{
    /// <summary>For how long.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromMinutes(1);

    private long _until;

    /// <summary>Until when; null where they are shared.</summary>
    public DateTimeOffset? Until
        => Volatile.Read(ref _until) is var until && until > time.GetUtcNow().UtcTicks ? new DateTimeOffset(until, TimeSpan.Zero) : null;

    /// <summary>Begins it, or makes it last.</summary>
    /// <returns>Whether it began.</returns>
    public bool Begin()
    {
        var isNew = Until is null;
        Volatile.Write(ref _until, (time.GetUtcNow() + Duration).UtcTicks);
        return isNew;
    }
}
