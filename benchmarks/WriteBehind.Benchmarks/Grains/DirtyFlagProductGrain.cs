using Microsoft.EntityFrameworkCore;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>
/// The usual hand-made pattern: a flag, a timer and one SaveChanges per grain. It answers from memory: what it has acknowledged is lost
/// with the silo.
/// </summary>
public sealed class DirtyFlagProductGrain(IDbContextFactory<PlainContext> contexts) : Grain, IDirtyFlagProductGrain
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);

    private PlainProduct _product = new();
    private bool _isNew;
    private bool _isDirty;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _product = await ProductRow.LoadAsync(contexts, this.GetPrimaryKeyString(), cancellationToken);
        _isNew = _product.Version == 0;
        var first = Delay * (0.5 + Random.Shared.NextDouble());
        this.RegisterGrainTimer(static (grain, _) => grain.FlushAsync(), this, new GrainTimerCreationOptions(first, Delay));
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => FlushAsync();

    public Task<long> AddAsync(long quantity)
    {
        _product.Add(quantity);
        _isDirty = true;
        return Task.FromResult(_product.Quantity);
    }

    public Task<long> GetAsync() => Task.FromResult(_product.Quantity);

    private async Task FlushAsync()
    {
        if (_isDirty)
        {
            _isDirty = false;
            await ProductRow.SaveAsync(contexts, _product, _isNew);
            _isNew = false;
        }
    }
}
