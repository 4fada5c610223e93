using Orleans.WriteBehind.Tests.Support;

namespace Orleans.WriteBehind.Tests.Storage;

public sealed class ShelfGrain([PersistentState("looks", "carts")] IPersistentState<Views> views) : Grain, IShelfGrain
{
    public Task LookAsync()
    {
        views.State = new Views(views.State.Count + 1);
        return views.WriteStateAsync();
    }
}
