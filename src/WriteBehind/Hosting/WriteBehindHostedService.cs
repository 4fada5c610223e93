using Microsoft.Extensions.Hosting;

namespace WriteBehind;

/// <summary>Starts the engine with the host and drains it when the host stops.</summary>
internal sealed class WriteBehindHostedService(WriteBehindEngine engine) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => engine.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => engine.StopAsync(cancellationToken);
}
