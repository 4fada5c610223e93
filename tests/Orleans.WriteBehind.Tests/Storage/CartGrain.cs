using Orleans.Runtime.Placement;
using Orleans.Storage;

namespace Orleans.WriteBehind.Tests.Storage;

public sealed class CartGrain([PersistentState("cart", "carts")] IPersistentState<Cart> cart) : Grain, ICartGrain
{
    private readonly Guid _activation = Guid.NewGuid();

    public async Task<int> AddAsync(string owner, int items)
    {
        cart.State.Owner = owner;
        cart.State.Items += items;
        await cart.WriteStateAsync();
        return cart.State.Items;
    }

    public Task<Cart> GetAsync() => Task.FromResult(cart.State);

    public Task ClearAsync() => cart.ClearStateAsync();

    public Task<Guid> ActivationAsync() => Task.FromResult(_activation);

    public async Task AddAndCatchAsync(string owner, int items)
    {
        try
        {
            await AddAsync(owner, items);
        }
        catch (InconsistentStateException)
        {
            // It is not the grain's to say what becomes of its state then.
        }
    }

    public Task AddWhileMovingAsync(string owner, int items, SiloAddress silo)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        MigrateOnIdle();
        return AddAsync(owner, items);
    }
}
