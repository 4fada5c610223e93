namespace WriteBehind.Redis;

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

/// <summary>
/// What scripts know of versions. They are decimal texts, compared as such and never counted up: Lua's numbers are exact up to 2^53 only,
/// and a row may bring a version of its own that is larger (a clock's ticks, say).
/// </summary>
internal static class VersionLua
{
    /// <summary>
    /// <c>is_version</c> and <c>newer</c>; and <c>entity</c> and <c>fence</c>, which read a key. Whatever else
    /// somebody put there is an error of that entity alone; as an error of the script it would fail the whole batch. (The version that is
    /// expected is one, so it is not looked at again: the rule with writes.)
    /// </summary>
    public const string Text = """
        local function is_version(v)
          return string.find(v, '^%d+$') and (#v < 19 or #v == 19 and v < '9223372036854775807')
        end
        local function newer(a, b)
          return #a > #b or #a == #b and a > b
        end
        local function entity(key, expected, ...)
          local stored = redis.pcall('HMGET', key, 'v', ...)
          if not stored.err and stored[1] and stored[1] ~= expected and not is_version(stored[1]) then
            stored = { err = 'its version is none' }
          end
          return stored
        end
        local function fence(key)
          local stored = redis.pcall('GET', key)
          if not stored then return nil end
          if stored.err then return nil, nil, stored.err end
          local version, nonce = string.match(stored, '^(%d+):(.*)$')
          if not version or not is_version(version) then return nil, nil, 'its fence is none' end
          return version, nonce
        end

        """;
}
