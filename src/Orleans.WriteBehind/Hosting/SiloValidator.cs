using Microsoft.Extensions.DependencyInjection;

namespace Orleans.WriteBehind.Hosting;

/// <summary>Checks, before the silo starts, that what write-behind stands on is there.</summary>
internal sealed class SiloValidator(IServiceProvider services) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        if (!services.GetServices<ILifecycleParticipant<ISiloLifecycle>>().OfType<EngineLifecycle>().Any())
        {
            throw new OrleansConfigurationException(
                "AddWriteBehindGrainStorage stores through the write-behind engine, which is not there: call siloBuilder.AddWriteBehind(…) as well.");
        }

        if (services.GetService<IReminderTable>() is null)
        {
            throw new OrleansConfigurationException(
                "The sweep grains of write-behind need reminders, and no reminder service is configured: call UseRedisReminderService(…), " +
                "or UseInMemoryReminderService() in development.");
        }
    }
}
