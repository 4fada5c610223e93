using System.Text.Json;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>
/// What one would write by hand in an hour: version check, payload and dirty mark in one script. It has no fence, no bound, no epoch and
/// no protection against a write that is applied twice; and nothing flushes it here.
/// </summary>
internal sealed class MinimalScriptPerWrite : IAsyncDisposable
{
    private const string Script = """
        local version = redis.call('HGET', KEYS[1], 'v')
        if version and version ~= ARGV[2] then return { 0, version } end
        local next = tonumber(ARGV[2]) + 1
        redis.call('HSET', KEYS[1], 'v', next, 'd', ARGV[3])
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[2], 'NX', time[1], ARGV[1])
        return { 1, next }
        """;

    private readonly ConnectionMultiplexer _redis;
    private readonly IDatabase _database;
    private readonly string _prefix;
    private readonly string[] _ids;
    private readonly Product[] _products;
    private readonly long[] _versions;

    private MinimalScriptPerWrite(ConnectionMultiplexer redis, Workspace workspace, string[] ids)
    {
        (_redis, _database, _prefix, _ids) = (redis, redis.GetDatabase(), workspace.Prefix, ids);
        _products = Array.ConvertAll(ids, Product.New);
        _versions = new long[ids.Length];
    }

    public static async Task<MinimalScriptPerWrite> ConnectAsync(BenchmarkServers servers, Workspace workspace, string[] ids)
        => new(await servers.ConnectRedisAsync(), workspace, ids);

    public async Task WriteAsync(int index)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(_products[index].Add(1));
        var reply = (RedisResult[])(await _database.ScriptEvaluateAsync(
            Script, [$"{_prefix}:e:{_ids[index]}", $"{_prefix}:dirty"], [_ids[index], _versions[index], payload]))!;
        if ((int)reply[0] != 1)
        {
            throw new InvalidOperationException($"Version {reply[1]} was there.");
        }

        _versions[index]++;
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.CloseAsync();
        _redis.Dispose();
    }
}
