using Orleans.Concurrency;
using Silo.Contracts;
using Silo.Data;
using WriteBehind;

namespace Silo.Grains;

/// <summary>
/// The stock of a product. Reentrant: calls that arrive while a save is under way share the next one. What is checked still holds when
/// it is taken, as there is no await in between; and nobody is told "none left" because of a reservation whose save then fails, as the
/// base class answers once what a call has seen is acknowledged.
/// </summary>
[Reentrant]
internal sealed class StockGrain(IWriteBehindEngine engine) : SharedSavesGrain<Stock>(engine), IStockGrain
{
    public async Task<StockLevel?> GetAsync() => await ReadAsync() is { } found ? Level(found.State, found.Version) : null;

    public Task<StockLevel> ReserveAsync(long quantity) => TakeAsync(quantity);

    public Task<StockLevel> OrderAsync(long quantity) => TakeAsync(quantity, WriteStrategy.Through);

    public Task<StockLevel> ReleaseAsync(long quantity) => MoveAsync(Amounts.MustBePositive(quantity));

    public Task<StockLevel> RestockAsync(long quantity) => MoveAsync(Amounts.MustBePositive(quantity));

    public Task<StockLevel> BookAsync(long amount) => MoveAsync(amount);

    protected override Stock CreateState() => new(this.GetPrimaryKeyString(), 0, 0);

    private Task<StockLevel> TakeAsync(long quantity, WriteStrategy? strategy = null)
    {
        Amounts.MustBePositive(quantity);
        return State.Quantity >= quantity
            ? MoveAsync(-quantity, strategy)
            : throw new InsufficientStockException(State.Id, State.Quantity, quantity);
    }

    private async Task<StockLevel> MoveAsync(long amount, WriteStrategy? strategy = null)
    {
        State = Amounts.Checked(() => State.Move(amount), amount);
        var moved = State;
        await (strategy is { } own ? SaveAsync(own) : SaveAsync());
        return Level(moved, Version);
    }

    private static StockLevel Level(Stock stock, long version) => new(stock.Quantity, stock.Movements, version);
}
