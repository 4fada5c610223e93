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
    private int _saves;

    /// <summary>Saves the state. All saves of the grain go this way.</summary>
    /// <param name="strategy">For this call; null for the type's own.</param>
    protected async Task SaveSharedAsync(WriteStrategy? strategy = null)
    {
        _saves++;
        try
        {
            await (strategy is { } own ? SaveAsync(own) : SaveAsync());
        }
        finally
        {
            _saves--;
        }
    }

    /// <summary>An acknowledged state with its own version; null where there is none.</summary>
    protected async Task<Entity<TState>?> ReadAsync()
    {
        var id = this.GetPrimaryKeyString();
        return _saves > 0 ? await engine.Store<TState>().GetAsync(id)
            : Exists ? new Entity<TState>(id, Version, State)
            : null;
    }
}
