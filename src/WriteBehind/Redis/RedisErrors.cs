using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>Turns what StackExchange.Redis throws into this library's error, and says whether a write may have happened.</summary>
internal static class RedisErrors
{
    // What Redis answers instead of working, and what to do about it. None of these lets a script or a transaction begin.
    private static readonly (string Prefix, string Advice)[] Refusals =
    [
        ("READONLY", "it is a read-only replica: point the configuration at the master."),
        (
            "OOM",
            "it has reached maxmemory and the policy is noeviction, as it should be: give it more memory, or lower MaxDirty or FenceTime."),
        ("EXECABORT", "it refused a command of a transaction: it has reached maxmemory, or can't write at present."),
        ("MISCONF", "it can't write its snapshot or append-only file: look at its disk."),
        ("NOAUTH", "it asks for a password: add password=… to the configuration."),
        ("WRONGPASS", "user name or password are wrong."),
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

    /// <summary>Whether the exception is Redis' or the network's, rather than a mistake of ours or the caller's cancellation.</summary>
    public static bool IsRedis(Exception exception, CancellationToken cancellationToken)
        => exception is RedisException or TimeoutException or ObjectDisposedException or System.Net.Sockets.SocketException or IOException

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
    /// Whether it is the keys that Redis complains of, which others may not share: their slots, their kinds, or a permission for them.
    /// </summary>
    public static bool IsOfKeys(BufferUnavailableException exception)
        => exception.InnerException is RedisServerException { Message: var message }
            && (message.Contains("CROSSSLOT", StringComparison.Ordinal)
                || message.Contains("WRONGTYPE", StringComparison.Ordinal)
                || message.Contains("NOPERM", StringComparison.Ordinal)
                || message.Contains("MOVED", StringComparison.Ordinal));

    public static BufferUnavailableException Translate(Exception exception)
    {
        if (exception is RedisServerException refused)
        {
            foreach (var (prefix, advice) in Refusals)
            {
                if (refused.Message.StartsWith(prefix, StringComparison.Ordinal)
                    || refused.Message.Contains($"-{prefix} ", StringComparison.Ordinal))
                {
                    return new BufferUnavailableException($"Redis refused ({prefix}): {advice} Nothing was written.", cause: exception);
                }
            }

            if (refused.Message.Contains("NOPERM", StringComparison.Ordinal))
            {
                // Permissions are checked command by command, also inside a script: what ran before this one has happened.
                return new BufferUnavailableException(
                    $"Redis refused (NOPERM): the user lacks a permission that the keys and scripts need. {refused.Message}",
                    outcomeUnknown: true,
                    cause: exception);
            }

            if (refused.Message.Contains("Unknown Redis command", StringComparison.Ordinal))
            {
                // The first command that older ones lack is asked before anything is written.
                return new BufferUnavailableException(
                    $"Redis is too old: 6.2 or newer is needed. Nothing was written. {refused.Message}", cause: exception);
            }

            // An error inside a script: what ran before it has happened.
            return new BufferUnavailableException(
                $"Redis answered with an error: {refused.Message}", outcomeUnknown: true, cause: exception);
        }

        return new BufferUnavailableException(
            "Redis did not answer: the connection was lost, or the time-out passed.", outcomeUnknown: true, cause: exception);
    }
}
