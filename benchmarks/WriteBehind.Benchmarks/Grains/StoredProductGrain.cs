using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>A grain on one of Orleans' storage providers as its documentation shows it: the state is written with every call.</summary>
public abstract class StoredProductGrain(IPersistentState<Product> product) : Grain, IProductGrain
{
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
