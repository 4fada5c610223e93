using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>Keeps its state in memory alone: what a call costs.</summary>
public sealed class UnsavedProductGrain : Grain, IUnsavedProductGrain
{
    private readonly Product _product = Product.New("unsaved");

    public Task<long> AddAsync(long quantity) => Task.FromResult(_product.Add(quantity).Quantity);

    public Task<long> GetAsync() => Task.FromResult(_product.Quantity);
}
