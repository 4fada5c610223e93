using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.Grains;

[ImplicitStreamSubscription(Namespace)]
public sealed class MeterGrain : WriteBehindGrain<Stock>, IMeterGrain
{
    /// <summary>The name of the stream provider that the grain needs for what comes by stream.</summary>
    public const string Provider = "meters";

    private const string Namespace = "quantities";

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await base.OnActivateAsync(cancellationToken);
        if (ServiceProvider.GetKeyedService<IStreamProvider>(Provider) is not null)
        {
            await StreamOf(this.GetPrimaryKeyString()).SubscribeAsync((quantity, _) => AddAsync(quantity));
        }
    }

    public Task StartTimerAsync()
    {
        this.RegisterGrainTimer(() => AddAsync(1), TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10));
        return Task.CompletedTask;
    }

    public Task SendAsync(string to, long quantity) => StreamOf(to).OnNextAsync(quantity);

    private async Task AddAsync(long quantity)
    {
        State.Quantity += quantity;
        await SaveAsync();
    }

    private IAsyncStream<long> StreamOf(string key) => this.GetStreamProvider(Provider).GetStream<long>(StreamId.Create(Namespace, key));
}
