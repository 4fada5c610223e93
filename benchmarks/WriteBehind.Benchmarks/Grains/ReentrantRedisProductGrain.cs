using Orleans.Concurrency;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>
/// The same in a reentrant grain, where Orleans lets writes that come while one is under way share the next. A caller may then be
/// answered with changes that are not safe yet, and a failed write leaves them in memory.
/// </summary>
[Reentrant]
public sealed class ReentrantRedisProductGrain([PersistentState("product", RedisProductGrain.Storage)] IPersistentState<Product> product)
    : Grain, IReentrantRedisProductGrain
{
    public async Task<long> AddAsync(long quantity)
    {
        if (product.State.Id.Length == 0)
        {
            product.State = Product.New(this.GetPrimaryKeyString());
        }

        product.State.Add(quantity);
        var mine = product.State.Quantity;
        await product.WriteStateAsync();
        return mine;
    }

    public Task<long> GetAsync() => Task.FromResult(product.State.Quantity);
}
