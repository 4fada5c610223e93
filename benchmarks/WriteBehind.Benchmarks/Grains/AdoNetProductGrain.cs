using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>Microsoft.Orleans.Persistence.AdoNet on PostgreSQL: the state is written with every call.</summary>
public sealed class AdoNetProductGrain([PersistentState("product", AdoNetProductGrain.Storage)] IPersistentState<Product> product)
    : Grain, IAdoNetProductGrain
{
    /// <summary>The name of the storage provider.</summary>
    public const string Storage = "adonet";

    public async Task<long> AddAsync(long quantity)
    {
        if (!product.RecordExists)
        {
            product.State = Product.New(this.GetPrimaryKeyString());
        }

        product.State.Add(quantity);
        await product.WriteStateAsync();
        return product.State.Quantity;
    }

    public Task<long> GetAsync() => Task.FromResult(product.State.Quantity);
}
