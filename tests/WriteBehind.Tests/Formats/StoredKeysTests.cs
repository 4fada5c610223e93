using System.Text.RegularExpressions;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Formats;

/// <summary>Every key that a run of all kinds of operations leaves in Redis, with its kind, its fields and whether it expires.</summary>
public sealed partial class StoredKeysTests
{
    private const string Dump = """
        local function show(text)
            return (string.gsub(text, '[^\032-\126]', function(c) return string.format('\\x%02x', string.byte(c)) end))
        end
        local keys, out = redis.call('KEYS', '*'), {}
        table.sort(keys)
        for _, key in ipairs(keys) do
          local kind = redis.call('TYPE', key).ok
          out[#out + 1] = kind .. ' ' .. show(key) .. (redis.call('PTTL', key) > 0 and ' (expires)' or '')
          local fields = {}
          if kind == 'string' then
            fields[1] = show(redis.call('GET', key))
          else
            local pairs = kind == 'hash' and redis.call('HGETALL', key) or redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
            for i = 1, #pairs, 2 do fields[#fields + 1] = show(pairs[i]) .. ' = ' .. show(pairs[i + 1]) end
            table.sort(fields)
          end
          for _, field in ipairs(fields) do out[#out + 1] = '  ' .. field end
        end
        return table.concat(out, '\n') .. '\n'
        """;

    [Fact]
    public async Task All_keys_and_fields_are_as_committed()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Prefix = "wb",
            Item = item => (item.Shards, item.MaxAttempts) = (2, 1),
        });
        await engine.Items.SetAsync("flushed", new Item(1));
        await engine.Items.SetAsync("removed", new Item(1));
        await engine.Items.SetAsync("dead", new Item(1, Item.TooLongNote));
        await engine.Items.SetAsync("fenced", new Item(1));
        await engine.Table.PutAsync(new ItemRow("fenced", 9, 9, null));
        await engine.FlushAllAsync();
        await engine.Items.DeleteAsync("removed");
        await engine.FlushAllAsync();
        await engine.Items.SetAsync("put", new Item(1, "note"));
        await engine.Items.SetAsync("put", new Item(2, "note"));
        await engine.Items.SetAsync("deleted", new Item(1));
        await engine.Items.DeleteAsync("deleted");
        await engine.Items.UpdateAsync(
            "once", OperationId.New(DateTimeOffset.UtcNow, "order"), static _ => new Item(1), static _ => "answer"u8.ToArray());
        using var claimed = engine.Gate.HoldAt(ProtocolStep.Claimed);
        var flush = engine.FlushAsync("put");
        await claimed.ReachedAsync();

        var dump = (await redis.SendAsync("EVAL", Dump, "0"))!;
        claimed.Release();
        await flush;
        Snapshot.Verify("redis.txt", Settled(dump));
    }

    /// <summary>The dump with what differs from run to run named instead.</summary>
    private static string Settled(string dump)
    {
        foreach (var (pattern, name) in new[]
        {
            (Process(), "$1<process>"),
            (RunId(), "  <run id>"),
            (Call(), "  <Redis time, microseconds>"),
            (ConflictTime(), "$1<Redis time, milliseconds>"),
            (Seconds(), "$1<Redis time, seconds>"),
            (Nonce(), "$1<nonce>"),
            (FenceNonce(), "$1<nonce>"),
            (Epoch(), "$1<epoch>"),
            (Operation(), "  t<time>-"),
            (Database(), "$1<database>"),
            (DatabaseName(), "$1<name of the database>"),
            (Moment(), "\"<time>\""),
            (LetterNonce(), "\"w\":\"<nonce>\""),
            (ErrorText(), "\"error\":\"<error>\""),
            (Microseconds(), " = <Redis time, microseconds>"),
            (Milliseconds(), " = <Redis time, milliseconds>"),
        })
        {
            dump = pattern.Replace(dump, name);
        }

        return dump;
    }

    [GeneratedRegex(@"(:calls:)[0-9a-f]{16}")]
    private static partial Regex Process();

    [GeneratedRegex(@"^  [0-9a-f]{40}$", RegexOptions.Multiline)]
    private static partial Regex RunId();

    [GeneratedRegex(@"^  \d{16}$", RegexOptions.Multiline)]
    private static partial Regex Call();

    [GeneratedRegex(@"^(  \d+:!)\d+$", RegexOptions.Multiline)]
    private static partial Regex ConflictTime();

    [GeneratedRegex(@"^(  fence:\d+ = )\d+$", RegexOptions.Multiline)]
    private static partial Regex Seconds();

    [GeneratedRegex(@"^(  w = )\d+$", RegexOptions.Multiline)]
    private static partial Regex Nonce();

    [GeneratedRegex(@"""w"":""\d+""")]
    private static partial Regex LetterNonce();

    [GeneratedRegex(@"^(  \d+:)\d+$", RegexOptions.Multiline)]
    private static partial Regex FenceNonce();

    [GeneratedRegex(@"^(  (?:epoch = )?)[0-9a-f]{16,32}(?:@\d{13})?$", RegexOptions.Multiline)]
    private static partial Regex Epoch();

    [GeneratedRegex(@"^  t\d{13}-", RegexOptions.Multiline)]
    private static partial Regex Operation();

    [GeneratedRegex(@"^(  database = )\d+/\d+/public$", RegexOptions.Multiline)]
    private static partial Regex Database();

    [GeneratedRegex(@"^(  databaseName = )schema .*$", RegexOptions.Multiline)]
    private static partial Regex DatabaseName();

    [GeneratedRegex(@"""\d{4}-\d\d-\d\dT[^""]+""")]
    private static partial Regex Moment();

    [GeneratedRegex(@"""error"":""[^""]*""")]
    private static partial Regex ErrorText();

    [GeneratedRegex(@" = \d{16}$", RegexOptions.Multiline)]
    private static partial Regex Microseconds();

    [GeneratedRegex(@" = \d{13}$", RegexOptions.Multiline)]
    private static partial Regex Milliseconds();
}
