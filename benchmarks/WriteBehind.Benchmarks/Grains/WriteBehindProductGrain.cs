using Orleans.Concurrency;
using Orleans.WriteBehind;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>This project.</summary>
[Reentrant]
public sealed class WriteBehindProductGrain : WriteBehindGrain<Product>, IWriteBehindProductGrain
{
    public async Task<long> AddAsync(long quantity)
    {
        var mine = State.Add(quantity).Quantity;
        await SaveAsync();
        return mine;
    }

    public Task<long> GetAsync() => Task.FromResult(State.Quantity);

    protected override Product CreateState() => Product.New(this.GetPrimaryKeyString());
}
