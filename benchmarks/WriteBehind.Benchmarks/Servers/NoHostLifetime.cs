using Microsoft.Extensions.Hosting;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>Leaves signals to the process.</summary>
internal sealed class NoHostLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
