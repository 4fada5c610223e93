namespace WriteBehind.Caching.Queues.Scripts;

/// <summary>Removes items that are done. KEYS: held. ARGV: the items. Returns how many there were.</summary>
internal static class AcknowledgeScript
{
    public const string Text = """
        local removed = 0
        for i = 1, #ARGV do removed = removed + redis.call('LREM', KEYS[1], -1, ARGV[i]) end
        return removed
        """;
}
