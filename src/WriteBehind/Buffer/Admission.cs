namespace WriteBehind.Buffer;

/// <summary>
/// Whether the buffer may be used: not before the checks of the start have passed, and not after they failed. An engine with another shard
/// count, or over somebody else's keys, would write where nobody looks. Reads are kept out as well: they would look in the wrong place, and
/// they write the epoch of a shard that has none.
/// </summary>
internal sealed class Admission
{
    private Func<string, WriteBehindException>? _closed = static type => new BufferUnavailableException(
        $"The write-behind engine of this process has not started yet, so nothing of '{type}' is read or written. Start the host first; " +
        "a hosted service of your own that uses entities is registered after AddWriteBehind.");

    /// <summary>Lets everybody in.</summary>
    public void Open() => Volatile.Write(ref _closed, null);

    /// <summary>Keeps everybody out, and says why.</summary>
    public void Refuse(ConfigurationException reason) => Volatile.Write(
        ref _closed,
        type => new ConfigurationException(reason.Setting, $"Nothing of '{type}' is read or written: {reason.Message}", type, reason));

    /// <summary>Keeps everybody out until Redis is there for the first time.</summary>
    public void Await(BufferUnavailableException reason) => Volatile.Write(
        ref _closed,
        type => new BufferUnavailableException(
            $"Redis was away when this process started, and is awaited (abortConnect=false). Nothing of '{type}' is read or written " +
            $"before: {reason.Message}",
            cause: reason));

    /// <exception cref="BufferUnavailableException">The engine has not started, or awaits Redis.</exception>
    /// <exception cref="ConfigurationException">Its start was refused.</exception>
    public void Check(string type)
    {
        if (Volatile.Read(ref _closed) is { } closed)
        {
            throw closed(type);
        }
    }
}

/// <summary>
/// What this process' latest writes of a type met, so that work which would end in a refusal can be refused before it begins. Nothing is
/// asked of Redis for it, and a wrong guess corrects itself: some writes are always let through and find out.
/// </summary>
internal sealed class WritePressure(KeyLayout keys, TimeProvider time)
{
    /// <summary>How long a shard counts as full after it said so. Short: flushes make room all the time.</summary>
    private static readonly TimeSpan FullFor = TimeSpan.FromMilliseconds(250);

    private readonly long[] _fullAt = new long[keys.Shards];
    private readonly int[] _stuck = new int[keys.Shards];

    /// <summary>
    /// Whether Redis is not answering for the entity's shard (on a cluster, one node may be away and the others not): at least one write
    /// has been tried again for a while. That write is the probe; when it gives up, the next one is let through.
    /// </summary>
    public bool IsAway(string id) => Volatile.Read(ref _stuck[keys.ShardOf(id)]) > 0;

    public bool IsFull(string id)
    {
        var at = Volatile.Read(ref _fullAt[keys.ShardOf(id)]);
        return at != 0 && time.GetElapsedTime(at) < FullFor;
    }

    public void Full(string id) => Volatile.Write(ref _fullAt[keys.ShardOf(id)], time.GetTimestamp());

    public void Room(string id)
    {
        ref var at = ref _fullAt[keys.ShardOf(id)];
        if (Volatile.Read(ref at) != 0)
        {
            Volatile.Write(ref at, 0);
        }
    }

    public void EnterStuck(string id) => Interlocked.Increment(ref _stuck[keys.ShardOf(id)]);

    public void LeaveStuck(string id) => Interlocked.Decrement(ref _stuck[keys.ShardOf(id)]);
}

/// <summary>How many entities of a type may be unflushed, and how that is shared among its shards.</summary>
/// <param name="Most">The bound of them all.</param>
/// <param name="Shards">How many shards there are.</param>
/// <param name="IsPooled">
/// Whether the write script adds up all shards, which needs one server for all of them. So a bound smaller than the number of shards can be
/// kept; for others their sum would be too dear.
/// </param>
internal readonly record struct DirtyBound(long Most, int Shards, bool IsPooled)
{
    /// <summary>
    /// The part of one shard. The parts add up to the bound, never to more: what does not divide evenly goes to the first shards.
    /// </summary>
    public long Of(int shard) => IsPooled ? Most : (Most / Shards) + (shard < Most % Shards ? 1 : 0);
}
