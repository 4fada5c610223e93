using WriteBehind;

namespace Orleans.WriteBehind.Hosting;

/// <summary>
/// Starts the engine before grains can be activated, and drains it after the last one was deactivated. Not a hosted service: those that
/// are registered after the silo stop before grains deactivate, and the grains' last flushes would find no pipeline.
/// </summary>
internal sealed class EngineLifecycle(IWriteBehindLifetime engine) : ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle lifecycle)
        => lifecycle.Subscribe(nameof(EngineLifecycle), ServiceLifecycleStage.ApplicationServices, engine.StartAsync, StopAsync);

    private async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await engine.StopAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // A stop that may not wait. What is dirty is safe in Redis, and the engine has logged how much it is.
        }
    }
}
