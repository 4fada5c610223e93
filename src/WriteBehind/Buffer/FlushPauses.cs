using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The pause of a type's flush, in Redis: made, ended and read here, kept to by <see cref="ClaimScript"/>, which is the one way to the
/// database. So a pause holds in every process from the moment it is written, whoever has heard of it and whoever has not.
/// </summary>
/// <remarks>
/// What was claimed before may still be written until its lease ends. Whoever needs the rows to stand still waits for that
/// (<see cref="PauseAsync"/> does); the deadline that a save carries sees to it that nothing comes after it.
/// </remarks>
internal sealed class FlushPauses(RedisConnections redis, KeyLayout keys, EntityTypeOptions options, TimeProvider time)
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(50);

    // KEYS: pause, claims. ARGV: how long in ms, who. Returns what is recorded, and how many claims are held.
    private static readonly RedisScript PauseScript = new("""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- Once a script has written, Redis lets it go on even at maxmemory, which may be why there is a pause.
        redis.call('DEL', KEYS[1])
        local pause = string.format('%.0f %.0f ', now, now + tonumber(ARGV[1])) .. ARGV[2]
        redis.call('SET', KEYS[1], pause, 'PX', ARGV[1])
        return { pause, redis.call('ZCOUNT', KEYS[2], string.format('(%.0f', time[1] * 1000000 + time[2]), '+inf') }
        """);

    // KEYS: claims. Returns how many are held.
    private static readonly RedisScript HeldScript = new("""
        local time = redis.call('TIME')
        return { redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', time[1] * 1000000 + time[2]), '+inf') }
        """);

    /// <summary>
    /// Pauses the flush in all shards, in place of a pause that is there, and waits until no flush is under way any more: a lease at most.
    /// </summary>
    /// <exception cref="BufferUnavailableException">
    /// Redis or a part of it is away. What could be reached is paused; pausing again makes it whole, resuming ends it.
    /// </exception>
    public async Task<FlushPause> PauseAsync(TimeSpan duration, string by, CancellationToken cancellationToken)
    {
        var replies = await AllAsync(async shard =>
        {
            var reply = await PauseScript.RunAsync(
                redis, [keys[shard].Pause, keys[shard].Claims], [(long)duration.TotalMilliseconds, by], cancellationToken)
                .ConfigureAwait(false);
            return (Pause: Read(options.Type, reply.NextText())!, Held: reply.NextInt());
        }).ConfigureAwait(false);
        var held = replies.Sum(static reply => reply.Held);
        for (var started = time.GetTimestamp(); held > 0 && time.GetElapsedTime(started) < options.Lease;)
        {
            await Task.Delay(Round, time, cancellationToken).ConfigureAwait(false);
            held = await HeldAsync(cancellationToken).ConfigureAwait(false);
        }

        return Latest(replies.Select(static reply => reply.Pause))! with { UnderWay = held };
    }

    /// <summary>Ends the pause; false where there was none.</summary>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away; there the pause ends by itself.</exception>
    public async Task<bool> ResumeAsync(CancellationToken cancellationToken)
    {
        var ended = await AllAsync(shard => redis.RunAsync(
            db => db.KeyDeleteAsync(keys[shard].Pause, CommandFlags.DemandMaster), cancellationToken)).ConfigureAwait(false);
        return ended.Contains(true);
    }

    /// <summary>The pause of the shard of an entity; null where there is none, or Redis does not say.</summary>
    public async Task<FlushPause?> TryReadAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            var stored = await redis.RunAsync(
                db => db.StringGetAsync(keys[keys.ShardOf(id)].Pause, CommandFlags.DemandMaster), cancellationToken).ConfigureAwait(false);
            return Read(options.Type, (string?)stored ?? string.Empty);
        }
        catch (BufferUnavailableException)
        {
            return null;
        }
    }

    /// <summary>A pause as Redis has it; null where there is none.</summary>
    public static FlushPause? Read(string type, string stored)
    {
        if (stored.Length == 0)
        {
            return null;
        }

        // What somebody else has put there pauses all the same, as the claim looks at nothing but its being there.
        var parts = stored.Split(' ', 3);
        return parts.Length == 3 && TryTime(parts[0], out var since) && TryTime(parts[1], out var until)
            ? new FlushPause(type, since, until, parts[2])
            : new FlushPause(type, DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, "somebody");
    }

    /// <summary>Of the shards' pauses the one that ends last; null where there is none.</summary>
    public static FlushPause? Latest(IEnumerable<FlushPause?> pauses) => pauses.MaxBy(static pause => pause?.Until);

    private static bool TryTime(string text, out DateTimeOffset time)
    {
        var isTime = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms < 253_402_300_800_000;
        time = isTime ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : default;
        return isTime;
    }

    private async Task<int> HeldAsync(CancellationToken cancellationToken)
        => (await AllAsync(async shard => (await HeldScript.RunAsync(redis, [keys[shard].Claims], [], cancellationToken)
            .ConfigureAwait(false)).NextInt()).ConfigureAwait(false)).Sum();

    /// <summary>In every shard, also where some fail: each must have had its turn before the failure is told.</summary>
    private Task<T[]> AllAsync<T>(Func<int, Task<T>> inShard) => Task.WhenAll(Enumerable.Range(0, keys.Shards).Select(inShard));
}
