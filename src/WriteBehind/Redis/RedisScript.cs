using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using StackExchange.Redis;

namespace WriteBehind.Redis;

/// <summary>
/// A script that Redis runs in one step. Its notes stand in the Lua, as comments at the line they explain; comments and indentation are
/// taken out once, when the object is made, so they cost nothing.
/// </summary>
internal sealed partial class RedisScript
{
    /// <summary>
    /// The library sends scripts to a replica while the master is away, which gives old states. Every command is the master's.
    /// </summary>
    private const CommandFlags Master = CommandFlags.DemandMaster;

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
        try
        {
            database ??= await redis.SharedAsync(cancellationToken).ConfigureAwait(false);
            return await RunOnceAsync(redis, database, keys, arguments, cancellationToken).ConfigureAwait(false);
        }
        catch (BufferUnavailableException e)
            when (RedisErrors.IsOfCommandInScript(e) && CommandsOfLine(e.InnerException!.Message) is { Length: > 0 } commands)
        {
            // Redis names the line only, and nobody but this process has the text.
            throw new BufferUnavailableException($"{e.Message} The line uses {commands}.", e.OutcomeUnknown, cause: e.InnerException);
        }
    }

    private async Task<ScriptReply> RunOnceAsync(
        RedisConnections redis, IDatabase database, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            // By its name. By its text the library would look the name up, and for that read the whole text at every call.
            return new ScriptReply(await redis.RunOnAsync(
                database,
                static (db, call) => db.ScriptEvaluateAsync(call._sha, call.keys, call.arguments, Master),
                (_sha, keys, arguments),
                cancellationToken).ConfigureAwait(false));
        }
        catch (BufferUnavailableException e) when (RedisErrors.IsScriptUnknown(e))
        {
            // The first call to this server, or it lost its scripts. Nothing ran. By its text the library loads it.
            return new ScriptReply(await redis.RunOnAsync(
                database,
                static (db, call) => db.ScriptEvaluateAsync(call.Text, call.keys, call.arguments, Master),
                (Text, keys, arguments),
                cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>The commands in the line of the script that Redis' error speaks of; empty where it names none.</summary>
    private string CommandsOfLine(string error)
    {
        var place = LinePattern().Match(error);
        var lines = Text.Split('\n');
        var line = place.Success ? int.Parse(place.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 0;
        return line >= 1 && line <= lines.Length
            ? string.Join(", ", CallPattern().Matches(lines[line - 1]).Select(static call => call.Groups[1].Value).Distinct())
            : string.Empty;
    }

    [GeneratedRegex(@"user_script:(\d+)")]
    private static partial Regex LinePattern();

    [GeneratedRegex(@"redis\.p?call\('(\w+)'")]
    private static partial Regex CallPattern();

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
/// Records a type's layout at first use, and its database once that is known. KEYS: meta. ARGV: layout version, shard count, candidate
/// epoch, id of the database or empty, its name, fence time in ms. Returns what is recorded: layout version, shard count, epoch, id and
/// name of the database, and the longest and the shortest fence time of all processes.
/// </summary>
internal static class MetaScript
{
    public static readonly RedisScript Script = new("""
        -- Only what is missing is written: at maxmemory a write would be refused, and a process that starts to drain could not.
        local known = redis.call('HMGET', KEYS[1], 'layout', 'shards', 'epoch', 'database')
        -- Nor could one with a type that is new there. The HDEL has no effect; but once a script has written, Redis lets it go on.
        local function begin() redis.call('HDEL', KEYS[1], '') end
        if not (known[1] and known[2] and known[3]) then
          begin()
          redis.call('HSETNX', KEYS[1], 'layout', ARGV[1])
          redis.call('HSETNX', KEYS[1], 'shards', ARGV[2])
          redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3])
        end
        -- A cache records no database, and has no fences.
        if ARGV[4] and ARGV[4] ~= '' and not known[4] then
          begin()
          if redis.call('HSETNX', KEYS[1], 'database', ARGV[4]) == 1 then redis.call('HSET', KEYS[1], 'databaseName', ARGV[5]) end
        end
        local recorded = redis.call('HMGET', KEYS[1], 'layout', 'shards', 'epoch', 'database', 'databaseName')
        if not ARGV[6] then return recorded end
        local now = tonumber(redis.call('TIME')[1])
        -- Refused at maxmemory where it is not there yet; the others' times count all the same.
        redis.pcall('HSET', KEYS[1], 'fence:' .. ARGV[6], now)
        local longest, shortest = tonumber(ARGV[6]), tonumber(ARGV[6])
        local fields = redis.call('HGETALL', KEYS[1])
        for i = 1, #fields, 2 do
          local time = tonumber(string.match(fields[i], '^fence:(%d+)$'))
          -- A setting counts until a day after the last process that had it: longer than any of its fences and of what it knew is needed.
          if time and now - tonumber(fields[i + 1]) > math.max(86400, time / 500) then
            redis.call('HDEL', KEYS[1], fields[i])
          elseif time then
            longest, shortest = math.max(longest, time), math.min(shortest, time)
          end
        end
        recorded[6], recorded[7] = string.format('%.0f', longest), string.format('%.0f', shortest)
        return recorded
        """);
}

/// <summary>
/// What scripts know of epochs. One is made up where it is missing. It is renewed where the caller remembers a write call of its own that
/// Redis does not (then Redis went back, and the epoch gets a generation: the time at which that was noticed), and where Redis' clock shows
/// less than the caller has seen. Knowledge of another epoch does not count; what was stored in another generation goes only with a look
/// at the database.
/// </summary>
internal static class EpochLua
{
    /// <summary><c>begun</c>, <c>since</c>, <c>generation</c>, <c>old</c> and <c>heard</c>.</summary>
    public const string Text = """
        -- An epoch carries the time (ms) from which on nothing is missing: of what callers did before, Redis may have lost its memory.
        -- Callers' clocks may be ahead by five seconds (OperationKey.Tolerance), so after a loss it begins that much later.
        local function begun(candidate, now, lost)
          return candidate .. '@' .. string.format('%.0f', math.floor(now / 1000) + (lost and 5000 or 0))
        end
        -- One without that time is of an earlier release: it began before there were operations.
        local function since(epoch)
          return tonumber(string.match(epoch, '@(%d+)')) or 0
        end
        local function generation(epoch)
          return string.match(epoch, '%.(%d+)$')
        end
        local function old(nonce, epoch)
          local g = generation(epoch)
          return g and string.sub(nonce or '', -#g - 1) ~= '.' .. g
        end
        -- before: what Redis remembers of the caller's last write call; told: what the caller does, in µs (0: nothing); seen: the time
        -- that the clock must show. A caller that knows another epoch compares nothing: it has been noticed. Nor does one whose call is so
        -- old that Redis may have forgotten it as it should.
        local function heard(key, epoch, known, before, told, seen, now, candidate)
          if epoch ~= known then return epoch end
          told = tonumber(told)
          if told > 0 and now - told < 3500000000 and (not before or tonumber(before) < told) then
            epoch = begun(candidate, now, true) .. '.' .. string.format('%.0f', now)
          elseif now < tonumber(seen) then
            local g = generation(epoch)
            epoch = 'c' .. begun(candidate, now, true) .. (g and '.' .. g or '')
          else
            return epoch
          end
          -- Has no effect; but once a script has written, Redis lets it go on even at maxmemory, and no read fails for want of an epoch.
          redis.call('PERSIST', key)
          redis.call('SET', key, epoch)
          return epoch
        end

        """;
}

/// <summary>
/// Records which server holds a shard. KEYS: epoch, server, the process' calls. ARGV: run id, candidate epoch, whether the process begins,
/// known epoch, and time of the last write call that it remembers (µs). Returns 1 where Redis went back by what the process knows, or may
/// have where it only begins: another server is there than was recorded, and nobody who was there before has vouched for it; and the epoch.
/// </summary>
internal static class ServerScript
{
    public static readonly RedisScript Script = new(EpochLua.Text, """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local before = redis.call('GET', KEYS[2])
        local epoch = redis.call('GET', KEYS[1])
        if not epoch then
          -- Begun before anybody calls: what callers do from then on is known to be new. (As in heard, at maxmemory, too.)
          redis.call('PERSIST', KEYS[1])
          redis.call('SET', KEYS[1], begun(ARGV[2], now, ARGV[4] ~= ''))
        end
        if before == ARGV[1] then return { 0, epoch or '' } end
        -- As in heard: what comes is written at maxmemory, too.
        redis.call('PERSIST', KEYS[2])
        if epoch and before and ARGV[3] == '0' then
          -- Who was there before knows by its own calls.
          local after = heard(KEYS[1], epoch, ARGV[4], redis.call('GET', KEYS[3]), ARGV[5], 0, now, ARGV[2])
          redis.call('SET', KEYS[2], ARGV[1])
          return { after == epoch and 0 or 1, after }
        end
        redis.call('SET', KEYS[2], ARGV[1])
        if not epoch or not before then return { 0, epoch or '' } end
        epoch = begun(ARGV[2], now, true) .. '.' .. string.format('%.0f', now)
        redis.call('SET', KEYS[1], epoch)
        return { 1, epoch }
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
