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
        var reached = (long)await redis.RunOnAsync(
            database,
            db => db.ExecuteAsync("WAIT", options.ReplicaAcknowledgements, (long)options.ReplicaTimeout.TotalMilliseconds),
            CancellationToken.None).ConfigureAwait(false);
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
}
