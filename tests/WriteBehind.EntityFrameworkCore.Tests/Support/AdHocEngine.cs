using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>An engine over the shared Redis, with a model that a test makes up.</summary>
internal static class AdHocEngine
{
    /// <param name="model">The model.</param>
    /// <param name="postgres">The database.</param>
    /// <param name="prefix">What keys begin with.</param>
    /// <param name="create">Whether its tables are made first.</param>
    /// <param name="types">Adds the entity types.</param>
    public static async Task<ServiceProvider> StartAsync(
        Action<ModelBuilder> model, string postgres, string prefix, bool create, Action<WriteBehindBuilder> types)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(new AdHocModel(model));
        services.AddDbContext<AdHocContext>(options => options.UseNpgsql(postgres));
        types(services.AddWriteBehind(settings => settings.KeyPrefix = prefix)
            .UseRedis((await SharedServers.RedisAsync()).Configuration)
            .UseEntityFramework<AdHocContext>());
        var provider = services.BuildServiceProvider();
        if (create)
        {
            await using var scope = provider.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<AdHocContext>().Database.EnsureCreatedAsync();
        }

        foreach (var service in provider.GetServices<IHostedService>())
        {
            await service.StartAsync(CancellationToken.None);
        }

        return provider;
    }
}
