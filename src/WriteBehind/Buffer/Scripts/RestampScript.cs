namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// Gives entities that moved on during their flush the age of what is still unflushed: what was read at the claim is saved, so the
/// oldest unflushed write is younger than the claim. KEYS: dirty, then the entity of each. ARGV: Redis time of the claim in ms, then
/// id and saved version of each.
/// </summary>
internal static class RestampScript
{
    // Without this a hot entity would stay due for ever and be flushed in every sweep instead of once per flush delay.
    public const string Text = """
        for k = 2, #KEYS do
          local id, saved = ARGV[2 * k - 2], ARGV[2 * k - 1]
          local score = redis.call('ZSCORE', KEYS[1], id)
          if score and tonumber(score) < tonumber(ARGV[1]) then
            local version = redis.call('HGET', KEYS[k], 'v')
            if version and version ~= saved then redis.call('ZADD', KEYS[1], 'XX', ARGV[1], id) end
          end
        end
        return 1
        """;
}
