using System.Globalization;
using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>Waits until enough replicas have what this connection wrote (<c>WAIT</c>).</summary>
/// <remarks>
/// <para>Redis serves no further command of a connection that waits, so it is none that reads, flushes or health need.</para>
/// <para>A connection that breaks between the write and its WAIT leaves no gap: Redis waits for everything that it had done itself when it
/// served the connection's last command, whatever that was (seen with 7.0), and the library greets it on the new connection first. What
/// WAIT can't see is another Redis in its place: after a failover in between it speaks of the new master's writes, and the write may not be
/// one.</para>
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
