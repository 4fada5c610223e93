using System.Globalization;

namespace WriteBehind.Buffer;

/// <summary>Waits until enough replicas have what this connection wrote (<c>WAIT</c>).</summary>
internal static class ReplicaWait
{
    /// <exception cref="BufferUnavailableException">Too few replicas in time; the write is there, but may be lost in a failover: its outcome is unknown.</exception>
    public static async Task ForAsync(RedisConnections redis, WriteBehindOptions options)
    {
        // WAIT speaks of the writes of its own connection. Everything but settles shares one connection to the master, so it is that.
        var reached = (long)await redis.RunAsync(
            db => db.ExecuteAsync("WAIT", options.ReplicaAcknowledgements, (long)options.ReplicaTimeout.TotalMilliseconds),
            CancellationToken.None).ConfigureAwait(false);
        if (reached < options.ReplicaAcknowledgements)
        {
            throw new BufferUnavailableException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Only {reached} of {options.ReplicaAcknowledgements} replicas (ReplicaAcknowledgements) had the write within {options.ReplicaTimeout.TotalMilliseconds:0} ms (ReplicaTimeout)."),
                outcomeUnknown: true);
        }
    }
}
