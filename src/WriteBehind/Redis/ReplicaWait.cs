using System.Globalization;
using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>Waits until enough replicas have what this connection wrote (<c>WAIT</c>).</summary>
/// <remarks>
/// <para>While a connection waits, Redis serves no other command of it. So writes have a connection of their own here, apart from reads,
/// flushes and health.</para>
/// <para>A connection may break between the write and its WAIT. That leaves no gap: the library greets Redis on the new connection first,
/// and WAIT then waits for everything that this Redis had done when it served the greeting (seen with 7.0). WAIT can't see that another
/// Redis took its place. After a failover in between it speaks of the new master's writes, and the write may not be one of them.</para>
/// </remarks>
internal static class ReplicaWait
{
    /// <param name="redis">Runs it.</param>
    /// <param name="database">The connection that wrote.</param>
    /// <param name="options">How many, and for how long.</param>
    /// <exception cref="BufferUnavailableException">Too few replicas in time; the write is there, but may be lost in a failover: its
    /// outcome is unknown.</exception>
    public static async Task ForAsync(RedisConnections redis, IDatabase database, WriteBehindOptions options)
    {
        long reached;
        try
        {
            reached = await WaitAsync(redis, database, options.ReplicaAcknowledgements, options.ReplicaTimeout).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (e.InnerException is RedisServerException)
        {
            throw new BufferUnavailableException(
                $"The write is there, but Redis refuses to wait until replicas have it " +
                $"({nameof(options.ReplicaAcknowledgements)}): {Refusal(e)}",
                outcomeUnknown: true,
                cause: e.InnerException);
        }

        if (reached < options.ReplicaAcknowledgements)
        {
            throw new BufferUnavailableException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Only {reached} of {options.ReplicaAcknowledgements} replicas (ReplicaAcknowledgements) had the write within " +
                    $"{options.ReplicaTimeout.TotalMilliseconds:0} ms (ReplicaTimeout)."),
                outcomeUnknown: true);
        }
    }

    /// <summary>Finds out at the start whether Redis lets this user wait at all.</summary>
    /// <exception cref="ConfigurationException">It does not.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public static async Task ProveAsync(RedisConnections redis, int replicas, CancellationToken cancellationToken)
    {
        var database = await redis.WaitingAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WaitAsync(redis, database, 0, TimeSpan.FromMilliseconds(1)).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e) when (e.InnerException is RedisServerException)
        {
            throw new ConfigurationException(
                nameof(WriteBehindOptions.ReplicaAcknowledgements),
                $"ReplicaAcknowledgements is {replicas}, but Redis at {redis.Description} refuses the command that waits for " +
                $"replicas: {Refusal(e)}",
                cause: e);
        }
    }

    private static async Task<long> WaitAsync(RedisConnections redis, IDatabase database, int replicas, TimeSpan timeout)
        => (long)await redis.RunOnAsync(
            database,
            db => db.ExecuteAsync("WAIT", replicas, (long)timeout.TotalMilliseconds),
            CancellationToken.None).ConfigureAwait(false);

    private static string Refusal(BufferUnavailableException refused)
        => $"{refused.InnerException!.Message.TrimEnd('.')}. Allow WAIT, or set ReplicaAcknowledgements to 0.";
}
