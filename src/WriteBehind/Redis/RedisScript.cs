using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>
/// A script that Redis runs in one step. Its notes stand in the Lua, as comments at the line they explain; comments and indentation are
/// taken out once, when the object is made, so they cost nothing.
/// </summary>
internal sealed class RedisScript
{
    private readonly byte[] _sha;

    /// <param name="parts">The Lua: fragments that scripts share, then what is the script's own.</param>
    public RedisScript(params ReadOnlySpan<string?> parts)
    {
        Text = Strip(string.Join('\n', parts));
#pragma warning disable CA5350 // Redis names scripts by their SHA-1; nothing is protected by it.
        _sha = SHA1.HashData(Encoding.UTF8.GetBytes(Text));
#pragma warning restore CA5350
    }

    /// <summary>What Redis is sent.</summary>
    public string Text { get; }

    /// <summary>Runs it on the shared connection.</summary>
    /// <exception cref="BufferUnavailableException">Redis did not answer, or refused.</exception>
    public Task<ScriptReply> RunAsync(RedisConnections redis, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
        => RunOnAsync(redis, null, keys, arguments, cancellationToken);

    /// <summary>The same on a given connection; null is the shared one.</summary>
    public async Task<ScriptReply> RunOnAsync(
        RedisConnections redis, IDatabase? database, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        database ??= await redis.SharedAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // By its name. By its text the library would look the name up, and for that read the whole text at every call.
            return new ScriptReply(await redis.RunOnAsync(
                database,
                static (db, call) => db.ScriptEvaluateAsync(call._sha, call.keys, call.arguments),
                (_sha, keys, arguments),
                cancellationToken).ConfigureAwait(false));
        }
        catch (BufferUnavailableException e) when (RedisErrors.IsScriptUnknown(e))
        {
            // The first call to this server, or it lost its scripts. Nothing ran. By its text the library loads it.
            return new ScriptReply(await redis.RunOnAsync(
                database,
                static (db, call) => db.ScriptEvaluateAsync(call.Text, call.keys, call.arguments),
                (Text, keys, arguments),
                cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>Takes comments, indentation and empty lines out; what stands in quotes or long brackets stays as it is.</summary>
    private static string Strip(string lua)
    {
        var text = new StringBuilder(lua.Length);
        for (var (at, end) = (0, 0); at < lua.Length; at = end)
        {
            end = EndOfToken(lua, at);
            var isLineStart = text.Length == 0 || text[^1] == '\n';
            if (lua[at] == '\n')
            {
                while (text.Length > 0 && text[^1] is ' ')
                {
                    text.Length--;
                }

                text.Append(text.Length > 0 && text[^1] != '\n' ? "\n" : string.Empty);
            }
            else if (!IsComment(lua, at) && !(isLineStart && lua[at] is ' '))
            {
                text.Append(lua, at, end - at);
            }
        }

        return text.ToString();
    }

    private static bool IsComment(string lua, int at) => string.CompareOrdinal(lua, at, "--", 0, 2) == 0;

    /// <summary>Where a comment or a text in quotes or long brackets ends that begins here; of anything else, the next character.</summary>
    private static int EndOfToken(string lua, int at)
    {
        if (IsComment(lua, at))
        {
            return EndOfBrackets(lua, at + 2) ?? EndAt(lua, lua.IndexOf('\n', at), 0);
        }

        if (lua[at] is not ('\'' or '"'))
        {
            return EndOfBrackets(lua, at) ?? at + 1;
        }

        var end = at + 1;
        while (end < lua.Length && lua[end] != lua[at])
        {
            end += lua[end] == '\\' ? 2 : 1;
        }

        return Math.Min(end + 1, lua.Length);
    }

    /// <summary>Where long brackets end that open here, as <c>[==[</c> does; null where none do.</summary>
    private static int? EndOfBrackets(string lua, int at)
    {
        var inner = at + 1;
        while (inner < lua.Length && lua[inner] == '=')
        {
            inner++;
        }

        if (inner >= lua.Length || lua[at] != '[' || lua[inner] != '[')
        {
            return null;
        }

        var closing = $"]{new string('=', inner - at - 1)}]";
        return EndAt(lua, lua.IndexOf(closing, inner, StringComparison.Ordinal), closing.Length);
    }

    private static int EndAt(string lua, int found, int length) => found < 0 ? lua.Length : found + length;
}

/// <summary>What a script answered, read from the front.</summary>
internal sealed class ScriptReply
{
    private readonly RedisResult[] _values;
    private int _next;

    public ScriptReply(RedisResult reply)
    {
        IsNone = reply.IsNull;
        _values = IsNone ? [] : reply.Length >= 0 ? (RedisResult[])reply! : [reply];
    }

    /// <summary>Whether the whole answer is nil.</summary>
    public bool IsNone { get; }

    /// <summary>How many values are left.</summary>
    public int Left => _values.Length - _next;

    public long NextLong() => (long)Next();

    public int NextInt() => (int)Next();

    /// <summary>A number; null for nil.</summary>
    public long? NextLongOrNone() => (long?)Next();

    /// <summary>False for nil and 0.</summary>
    public bool NextFlag() => Next() is { IsNull: false } value && (RedisValue)value != 0;

    /// <summary>A text; empty for nil.</summary>
    public string NextText() => (string?)Next() ?? string.Empty;

    /// <summary>A text; null for nil.</summary>
    public string? NextTextOrNone() => (string?)Next();

    /// <summary>Bytes; null for nil.</summary>
    public byte[]? NextBytesOrNone() => (byte[]?)Next();

    /// <summary>All that is left, as texts.</summary>
    public string[] RestOfTexts()
    {
        var texts = new string[Left];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = NextText();
        }

        return texts;
    }

    public void Skip(int count) => _next += count;

    private RedisResult Next() => _next < _values.Length
        ? _values[_next++]
        : throw new BufferUnavailableException("Redis' answer was lost on its way: it ends too soon.", outcomeUnknown: true);
}

/// <summary>
/// Records a type's layout at first use. KEYS: meta. ARGV: layout version, shard count, candidate epoch.
/// Returns what is recorded: layout version, shard count, epoch.
/// </summary>
internal static class MetaScript
{
    public static readonly RedisScript Script = new("""
        redis.call('HSETNX', KEYS[1], 'layout', ARGV[1])
        redis.call('HSETNX', KEYS[1], 'shards', ARGV[2])
        redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3])
        return redis.call('HMGET', KEYS[1], 'layout', 'shards', 'epoch')
        """);
}

/// <summary>
/// What scripts know of versions. They are decimal texts, compared as such and never counted up: Lua's numbers are exact up to 2^53 only,
/// and a row may bring a version of its own that is larger (a clock's ticks, say).
/// </summary>
internal static class VersionLua
{
    /// <summary><c>is_version</c> and <c>newer</c>; and <c>entity</c> and <c>fence</c>, which read a key.</summary>
    public const string Text = """
        local function is_version(v)
          return string.find(v, '^%d+$') and (#v < 19 or #v == 19 and v < '9223372036854775807')
        end
        local function newer(a, b)
          return #a > #b or #a == #b and a > b
        end
        -- Anything else that was put at a key is an error of that entity alone: as an error of the script it would fail the whole batch.
        -- (The version that is expected is one, so it is not looked at again: the rule with writes.)
        local function entity(key, expected, ...)
          local stored = redis.pcall('HMGET', key, 'v', ...)
          if not stored.err and stored[1] and stored[1] ~= expected and not is_version(stored[1]) then
            stored = { err = 'its field v is not a version' }
          end
          return stored
        end
        local function fence(key)
          local stored = redis.pcall('GET', key)
          if not stored then return nil end
          if stored.err then return nil, nil, stored.err end
          local version, nonce = string.match(stored, '^(%d+):(.*)$')
          if not version or not is_version(version) then return nil, nil, 'its fence is not a version' end
          return version, nonce
        end

        """;
}
