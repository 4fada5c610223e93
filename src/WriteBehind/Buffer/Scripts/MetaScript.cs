namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Records a type's layout at first use. KEYS: meta. ARGV: layout version, shard count, candidate epoch.
/// Returns what is recorded: layout version, shard count, epoch.
/// </summary>
internal static class MetaScript
{
    public const string Text = """
        redis.call('HSETNX', KEYS[1], 'layout', ARGV[1])
        redis.call('HSETNX', KEYS[1], 'shards', ARGV[2])
        redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3])
        return redis.call('HMGET', KEYS[1], 'layout', 'shards', 'epoch')
        """;
}
