using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.Grains;

[WriteBehind("stock")]
public sealed class LastWordsGrain : WriteBehindGrain<Stock>, ILastWordsGrain
{
    public Task AddAsync(long quantity)
    {
        State.Quantity += quantity;
        return SaveAsync();
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await base.OnDeactivateAsync(reason, cancellationToken);
        State.Quantity = 42;
        await SaveAsync();
    }
}
