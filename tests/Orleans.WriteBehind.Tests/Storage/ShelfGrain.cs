using Orleans.Runtime.Placement;
using Orleans.WriteBehind.Tests.Support;

namespace Orleans.WriteBehind.Tests.Storage;

public sealed class ShelfGrain([PersistentState("looks", "carts")] IPersistentState<Views> views) : Grain, IShelfGrain
{
    public Task<long> GetAsync() => Task.FromResult(views.State.Count);

    public Task LookAsync()
    {
        views.State = new Views(views.State.Count + 1);
        return views.WriteStateAsync();
    }

    public Task ClearAsync() => views.ClearStateAsync();

    public Task MigrateAsync(SiloAddress silo)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        MigrateOnIdle();
        return Task.CompletedTask;
    }

    public Task<string> SiloAsync() => Task.FromResult(RuntimeIdentity);
}
