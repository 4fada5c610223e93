using BenchmarkDotNet.Attributes;
using StackExchange.Redis;
using WriteBehind.Buffer;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>From an id to its keys.</summary>
public class Keys
{
    private const string Id = "product-0000001";

    private readonly KeyLayout _layout = new("wb", "product", 16);

    [Benchmark(Baseline = true, Description = "the key by string interpolation")]
    public RedisKey Interpolated() => $"wb:{{product:{_layout.ShardOf(Id):00}}}:e:{Id}";

    [Benchmark(Description = "shard of an id")]
    public int Shard() => _layout.ShardOf(Id);

    [Benchmark(Description = "shard, entity key and fence key")]
    public (RedisKey Entity, RedisKey Fence) Both()
    {
        var keys = _layout[_layout.ShardOf(Id)];
        return (keys.Entity(Id), keys.Fence(Id));
    }
}
