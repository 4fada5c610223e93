namespace WriteBehind.Buffer.Scripts;

/// <summary>
/// What scripts know of versions. They are decimal texts, compared and counted up as such: Lua's numbers are exact up to 2^53 only,
/// and a row may bring a version of its own that is larger (a clock's ticks, say).
/// </summary>
internal static class VersionLua
{
    /// <summary>
    /// <c>is_version</c>, <c>newer</c> and <c>next_version</c>; and <c>entity</c> and <c>fence</c>, which read a key. Whatever else
    /// somebody put there is an error of that entity alone; as an error of the script it would fail the whole batch.
    /// </summary>
    public const string Text = """
        local function is_version(v)
          return string.find(v, '^%d+$') and (#v < 19 or #v == 19 and v < '9223372036854775807')
        end
        local function newer(a, b)
          return #a > #b or #a == #b and a > b
        end
        local function next_version(v)
          if #v < 16 then return string.format('%.0f', v + 1) end
          local head, nines = string.match(v, '^(%d-)(9*)$')
          local zeros = string.rep('0', #nines)
          if head == '' then return '1' .. zeros end
          return string.sub(head, 1, -2) .. string.char(string.byte(head, -1) + 1) .. zeros
        end
        local function entity(key, ...)
          local stored = redis.pcall('HMGET', key, 'v', ...)
          if not stored.err and stored[1] and not is_version(stored[1]) then stored = { err = 'its version is none' } end
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
