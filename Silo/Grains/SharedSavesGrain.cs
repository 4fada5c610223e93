using Orleans.WriteBehind;
using WriteBehind;

namespace Silo.Grains;

/// <summary>
/// A grain whose calls interleave and share saves. While some are under way, the state in memory is ahead of the version that was
/// acknowledged last, and which version it is going to be is not known yet. Who wants the two together gets them from Redis then.
/// </summary>
internal abstract class SharedSavesGrain<TState>(IWriteBehindEngine engine) : WriteBehindGrain<TState>
    where TState : class
{
    /// <summary>An acknowledged state with its own version; null where there is none.</summary>
    protected async Task<Entity<TState>?> ReadAsync()
    {
        var id = this.GetPrimaryKeyString();
        return !IsAcknowledged ? await engine.Store<TState>().GetAsync(id)
            : Exists ? new Entity<TState>(id, Version, State)
            : null;
    }
}
