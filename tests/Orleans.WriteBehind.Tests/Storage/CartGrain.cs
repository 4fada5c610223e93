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
}
