using StackExchange.Redis;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;
using WriteBehind.Buffer;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>The write script of this project with one write per call: all of its promises and none of its batching.</summary>
internal sealed class ScriptPerWrite : IAsyncDisposable
{
    private readonly ConnectionMultiplexer _redis;
    private readonly IDatabase _database;
    private readonly KeyLayout _keys;
    private readonly EntityTypeOptions<Product> _options;
    private readonly PayloadCodec<Product> _codec;
    private readonly string[] _ids;
    private readonly Product[] _products;
    private readonly Knowledge[] _known;

    private ScriptPerWrite(ConnectionMultiplexer redis, Workspace workspace, EntityTypeOptions<Product> options, string[] ids)
    {
        (_redis, _database, _options, _ids) = (redis, redis.GetDatabase(), options, ids);
        _keys = new KeyLayout(workspace.Prefix, options.Type, options.Shards);
        _codec = new PayloadCodec<Product>(options);
        _products = Array.ConvertAll(ids, Product.New);
        _known = new Knowledge[ids.Length];
        Array.Fill(_known, Knowledge.None);
    }

    public static async Task<ScriptPerWrite> ConnectAsync(
        BenchmarkServers servers, Workspace workspace, EntityTypeOptions<Product> options, string[] ids)
    {
        var writer = new ScriptPerWrite(await servers.ConnectRedisAsync(), workspace, options, ids);
        for (var i = 0; i < ids.Length; i++)
        {
            // The first is refused for want of knowledge, and its answer is that knowledge.
            await writer.SendAsync(i);
        }

        return writer;
    }

    public async Task WriteAsync(int index)
    {
        _products[index].Add(1);
        if (await SendAsync(index) is not "ok" and var status)
        {
            throw new InvalidOperationException($"The write script answered '{status}'.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.CloseAsync();
        _redis.Dispose();
    }

    private async Task<string> SendAsync(int index)
    {
        var id = _ids[index];
        var keys = _keys[_keys.ShardOf(id)];
        var known = _known[index];
        var reply = (RedisResult[])(await _database.ScriptEvaluateAsync(
            WriteScript.Script.Text,
            [keys.Epoch, keys.Dirty, keys.Dead, keys.Calls("benchmark"), keys.Entity(id), keys.Fence(id)],
            [
                1, "0", (long)_options.FenceTime.TotalMilliseconds, 0, known.Epoch, 1, _options.MaxDirty / _options.Shards, 0, 0,
                id, known.Version, known.Version + 1, known.KnownAt, Nonces.New(isPut: true, known.Epoch),
                _codec.Encode(id, _products[index]),
            ]))!;
        var isWritten = reply.Length == 2;
        _known[index] = new Knowledge(isWritten ? known.Version + 1 : (long)reply[4], (long)reply[0] / 1000, (string)reply[1]!);
        return isWritten ? "ok" : (string)reply[3]!;
    }
}
