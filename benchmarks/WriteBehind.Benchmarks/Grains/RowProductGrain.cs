using Microsoft.EntityFrameworkCore;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>EF Core without a buffer: every call is a transaction of one row.</summary>
public sealed class RowProductGrain(IDbContextFactory<PlainContext> contexts) : Grain, IRowProductGrain
{
    private PlainProduct _product = new();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
        => _product = await ProductRow.LoadAsync(contexts, this.GetPrimaryKeyString(), cancellationToken);

    public async Task<long> AddAsync(long quantity)
    {
        var isNew = _product.Version == 0;
        _product.Add(quantity);
        await ProductRow.SaveAsync(contexts, _product, isNew);
        return _product.Quantity;
    }

    public Task<long> GetAsync() => Task.FromResult(_product.Quantity);
}
