using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Tracked;

/// <summary>A change that the version guard has let through.</summary>
/// <param name="Item">What to save.</param>
/// <param name="Position">Where it stands in the batch.</param>
/// <param name="Exists">Whether there is a row.</param>
internal readonly record struct TrackedChange<TState>(SaveItem<TState> Item, int Position, bool Exists)
    where TState : class;
