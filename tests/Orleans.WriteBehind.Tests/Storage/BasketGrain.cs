namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain as it stands in many older Orleans applications: its state is its base class'.</summary>
public abstract class BasketGrain : Grain<Cart>, IBasketGrain
{
    public async Task<int> AddAsync(int items)
    {
        State.Items += items;
        await WriteStateAsync();
        return State.Items;
    }
}
