using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>Microsoft.Orleans.Persistence.Redis.</summary>
public sealed class RedisProductGrain([PersistentState("product", RedisProductGrain.Storage)] IPersistentState<Product> product)
    : StoredProductGrain(product), IRedisProductGrain
{
    /// <summary>The name of the storage provider.</summary>
    public const string Storage = "redis";
}
