namespace Orleans.WriteBehind.Tests.Readme;

// <readme:grain>
public interface IStockGrain : IGrainWithStringKey
{
    Task<bool> Reserve(long quantity);
    Task Restock(long quantity);
}

public sealed class StockGrain : WriteBehindGrain<Stock>, IStockGrain
{
    public async Task<bool> Reserve(long quantity)
    {
        if (State.Quantity < quantity)
        {
            return false;
        }

        State = State with { Quantity = State.Quantity - quantity };
        await SaveAsync(); // returns once Redis has it; PostgreSQL follows within a second
        return true;
    }

    public async Task Restock(long quantity)
    {
        State = State with { Quantity = State.Quantity + quantity };
        await SaveAsync();
    }
}
// </readme:grain>
