using Orleans.Runtime.Placement;
using WriteBehind;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.Grains;

[GrainType("test-stock")]
public sealed class StockGrain : WriteBehindGrain<Stock>, IStockGrain
{
    private readonly Guid _activation = Guid.NewGuid();

    public Task<long> GetAsync() => Task.FromResult(State.Quantity);

    public Task<long> LookAsync() => Task.FromResult(State.Quantity);

    public async Task<long> AddAsync(long quantity)
    {
        State.Quantity += quantity;
        await SaveAsync();
        return State.Quantity;
    }

    public async Task<long> AddThroughAsync(long quantity)
    {
        State.Quantity += quantity;
        await SaveAsync(WriteStrategy.Through);
        return State.Quantity;
    }

    public async Task NoteAsync(string note)
    {
        State.Note = note;
        await SaveAsync();
    }

    public new Task DeleteAsync() => base.DeleteAsync();

    public Task<bool> FlushAsync() => TryFlushAsync();

    public Task<GrainInfo> InfoAsync() => Task.FromResult(
        new GrainInfo(Version, IsDirty, Exists, RuntimeIdentity, _activation, HasFlushTimer));

    public Task DeactivateAsync(DeactivationReasonCode reason)
    {
        GrainContext.Deactivate(new DeactivationReason(reason, "The test asks for it."));
        return Task.CompletedTask;
    }

    public Task MigrateAsync(SiloAddress silo)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        MigrateOnIdle();
        return Task.CompletedTask;
    }

    public async Task<string> AddAndCatchAsync(long quantity)
    {
        State.Quantity += quantity;
        try
        {
            await SaveAsync();
            return "saved";
        }
        catch (WriteBehindException e)
        {
            try
            {
                return $"{e.GetType().Name}, but still {State.Quantity}";
            }
            catch (StateDiscardedException)
            {
                await ReloadAsync();
                return $"{e.GetType().Name}, now {State.Quantity}";
            }
        }
    }
}
