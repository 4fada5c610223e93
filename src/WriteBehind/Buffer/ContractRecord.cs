using System.Text.Json;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The names that the members of a type's states have in JSON, beside the type's entry in Redis, for each schema version. Two processes
/// that call one member by different names would read each other's states as empty, and write that. A member that only one of them knows is
/// no contradiction: it was added.
/// </summary>
internal sealed class ContractRecord(RedisConnections redis, KeyLayout keys, EntityTypeOptions options)
{
    // KEYS: meta. ARGV: the field, what is to be recorded, what was read before (empty at first). Returns what is recorded.
    private static readonly RedisScript Script = new("""
        local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
        if stored ~= ARGV[3] then return stored end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        return ARGV[2]
        """);

    /// <exception cref="ConfigurationException">Another process gives a member another name.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task CheckAsync(IReadOnlyDictionary<string, string> names, CancellationToken cancellationToken)
    {
        var (known, merged) = (string.Empty, Write(names));
        while (true)
        {
            var reply = await Script.RunAsync(
                redis, [keys.Meta], [$"names:{options.SchemaVersion}", merged, known], cancellationToken).ConfigureAwait(false);
            var stored = reply.NextText();
            if (stored == merged)
            {
                return;
            }

            (known, merged) = (stored, Write(Merge(Read(stored), names)));
        }
    }

    private Dictionary<string, string> Merge(Dictionary<string, string> stored, IReadOnlyDictionary<string, string> names)
    {
        foreach (var (member, name) in names)
        {
            if (stored.TryGetValue(member, out var other) && other != name)
            {
                throw new ConfigurationException(
                    nameof(EntityTypeOptions<>.Serializer),
                    $"In Redis the member {member} of '{options.Type}' is called '{other}', and this process calls it '{name}': each " +
                    "would read the " +
                    "other's states as empty, and write that. Give all processes the same JSON settings; or, where the name has changed, " +
                    "raise SchemaVersion with an upgrade that renames it.",
                    options.Type);
            }

            stored[member] = name;
        }

        return stored;
    }

    private static string Write(IEnumerable<KeyValuePair<string, string>> names)
        => JsonSerializer.Serialize(new SortedDictionary<string, string>(names.ToDictionary(), StringComparer.Ordinal));

    private static Dictionary<string, string> Read(string stored)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(stored) ?? [];
        }
        catch (JsonException)
        {
            // Not of this library. It is written anew.
            return [];
        }
    }
}
