using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Configuration;
using WriteBehind.Engine;

namespace Orleans.WriteBehind.Hosting;

/// <summary>
/// Starts the engine before grains can be activated, and drains it after the last one was deactivated. Not a hosted service: those that
/// are registered after the silo stop before grains deactivate, and the grains' last flushes would find no pipeline.
/// </summary>
internal sealed class EngineLifecycle(IEngineControl engine) : ILifecycleParticipant<ISiloLifecycle>
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

/// <summary>Checks, before the silo starts, that what write-behind stands on is there.</summary>
internal sealed class SiloValidator(IServiceProvider services) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        if (!services.GetServices<ILifecycleParticipant<ISiloLifecycle>>().OfType<EngineLifecycle>().Any())
        {
            throw new OrleansConfigurationException(
                "AddWriteBehindGrainStorage stores through the write-behind engine, which is not there: call " +
                "siloBuilder.AddWriteBehind(…) as well.");
        }

        if (services.GetService<IOptions<GrainTypeOptions>>()?.Value.Classes.FirstOrDefault(IsStatelessWorker) is { } worker)
        {
            throw new OrleansConfigurationException(
                $"The grain class {worker.FullName} is a [StatelessWorker] with write-behind state: it would have many activations at " +
                "a time, each with a state of its own, and all but one would be refused as stale. Remove the attribute, or keep " +
                "the state in another grain.");
        }

        if (services.GetService<IReminderTable>() is null
            && services.GetRequiredService<IOptions<WriteBehindGrainOptions>>().Value.Sweeps)
        {
            throw new OrleansConfigurationException(
                "The sweep grains of write-behind need reminders, and no reminder service is configured: call " +
                "UseRedisReminderService(…), or UseInMemoryReminderService() in development.");
        }
    }

    private static bool IsStatelessWorker(Type grain)
    {
        for (var type = grain.BaseType; type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(WriteBehindGrain<>))
            {
                return !grain.IsAbstract && grain.IsDefined(typeof(StatelessWorkerAttribute), inherit: true);
            }
        }

        return false;
    }
}

/// <summary>Checks the settings; every message names the setting, its value and the fix.</summary>
internal sealed class WriteBehindGrainOptionsValidator : IValidateOptions<WriteBehindGrainOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindGrainOptions options)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"WriteBehindGrainOptions.{setting} is '{value}': {fix}"));
            }
        }

        Check(
            options.FlushTimeout > TimeSpan.Zero && options.FlushTimeout < TimeSpan.FromSeconds(30),
            nameof(options.FlushTimeout),
            options.FlushTimeout,
            "use a time above 0 and below the 30 s of a deactivation.");
        Check(options.SweepGrains is >= 1 and <= 64, nameof(options.SweepGrains), options.SweepGrains, "use 1 to 64.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
