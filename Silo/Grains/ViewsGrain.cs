using Orleans.Concurrency;
using Silo.Contracts;
using Silo.Data;
using WriteBehind;

namespace Silo.Grains;

/// <summary>
/// The views of a page. Reentrant: while one save is under way, the calls that arrive count on and share the next one, so that a single
/// page takes as many views as Redis takes round trips times the calls that wait. The state is replaced, never altered, and saved
/// without an await in between.
/// </summary>
[Reentrant]
internal sealed class ViewsGrain(IWriteBehindEngine engine) : SharedSavesGrain<PageViews>(engine), IViewsGrain
{
    public async Task<Views?> GetAsync() => await ReadAsync() is { } found ? new Views(found.State.Count, found.Version) : null;

    public Task<long> PeekAsync() => Task.FromResult(State.Count);

    public async Task<long> AddAsync(long count)
    {
        Amounts.MustBePositive(count);
        State = Amounts.Checked(() => new PageViews(checked(State.Count + count)), count);
        var counted = State.Count;
        await SaveAsync();
        return counted;
    }

    protected override PageViews CreateState() => new(0);
}
