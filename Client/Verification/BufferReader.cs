using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace Client.Verification;

/// <summary>
/// Reads Redis past the library, by the layout that docs/architecture.md describes: a check should not lean on what it checks.
/// </summary>
internal sealed class BufferReader(IConnectionMultiplexer redis, string prefix)
{
    /// <summary>What comes before the body of a payload.</summary>
    private const int HeaderBytes = 5;
    private const byte HeaderMark = 0xB5;
    private const string EntityMark = ":e:";

    private readonly ConcurrentDictionary<string, int> _shards = new();

    /// <summary>
    /// Of everything that Redis has of the given types: by type and id, the root of its shard's keys. One scan, whatever the types.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, Dictionary<string, string>>> FindRootsAsync(
        IReadOnlyCollection<string> types, CancellationToken cancellationToken)
    {
        var roots = types.ToDictionary(type => type, _ => new Dictionary<string, string>());
        var choice = types.Count == 1 ? types.First() : "*";
        foreach (var server in redis.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }))
        {
            await foreach (var key in server.KeysAsync(pattern: $"{prefix}:{{{choice}:*}}{EntityMark}*", pageSize: 1_000)
                .WithCancellation(cancellationToken))
            {
                if (Split(key.ToString()) is var (type, root, id) && roots.TryGetValue(type, out var found))
                {
                    found[id] = root;
                }
            }
        }

        return roots;
    }

    /// <summary>The root of the shard that has an entity, looked for in each; null where none has.</summary>
    public async Task<string?> FindRootAsync(string type, string id)
    {
        var database = redis.GetDatabase();
        if (!_shards.TryGetValue(type, out var shards))
        {
            shards = (int?)await database.HashGetAsync($"{prefix}:{{{type}}}:meta", "shards") ?? 0;
            if (shards > 0)
            {
                _shards[type] = shards;
            }
        }

        var roots = Enumerable.Range(0, shards)
            .Select(shard => string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{{type}:{shard:00}}}")).ToList();
        var found = await Task.WhenAll(roots.Select(root => database.KeyExistsAsync($"{root}{EntityMark}{id}")));
        return Array.IndexOf(found, true) is >= 0 and var at ? roots[at] : null;
    }

    /// <summary>Reads one entity, by the root of its shard's keys; null where there is nothing of it.</summary>
    public async Task<BufferedState?> ReadAsync(string root, string id, IReadOnlyList<string> columns)
    {
        var database = redis.GetDatabase();
        var fields = database.HashGetAsync($"{root}:e:{id}", ["v", "d", "x"]);
        var score = database.SortedSetScoreAsync($"{root}:dirty", id);
        await Task.WhenAll(fields, score);
        if (await fields is not [{ IsNull: false } version, var payload, var tombstone])
        {
            return null;
        }

        var isDirty = await score is not null;
        return tombstone.IsNull && (byte[]?)payload is { } bytes
            ? new BufferedState(Read((long)version, bytes, columns), (long)version, isDirty)
            : new BufferedState(null, (long)version, isDirty);
    }

    private static StoredState Read(long version, byte[] payload, IReadOnlyList<string> columns)
    {
        if (payload.Length <= HeaderBytes || payload[0] != HeaderMark)
        {
            return new(version, "no payload of this library");
        }

        try
        {
            using var json = JsonDocument.Parse(payload.AsMemory(HeaderBytes));
            var values = json.RootElement.EnumerateObject().ToDictionary(
                property => property.Name, property => property.Value, StringComparer.OrdinalIgnoreCase);
            return EntityKinds.State(version, columns.Select(name => (name, values[name].GetInt64())));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return new(version, "no state of this type");
        }
    }

    // wb:{stock:07}:e:85123A is stock, wb:{stock:07} and 85123A. A type has no brace in its name; an id may have anything.
    private (string Type, string Root, string Id)? Split(string key)
    {
        var start = prefix.Length + 2;
        var end = key.IndexOf('}', StringComparison.Ordinal);
        var colon = end < 0 ? -1 : key.LastIndexOf(':', end);
        return colon > start && key.AsSpan(end + 1).StartsWith(EntityMark, StringComparison.Ordinal)
            ? (key[start..colon], key[..(end + 1)], key[(end + 1 + EntityMark.Length)..])
            : null;
    }
}
