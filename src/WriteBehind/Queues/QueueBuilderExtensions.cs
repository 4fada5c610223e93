using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WriteBehind.Common;
using WriteBehind.Queues;
using WriteBehind.Redis;

namespace WriteBehind;

/// <summary>Registers queues.</summary>
public static class QueueBuilderExtensions
{
    /// <summary>
    /// Registers a reliable queue in Redis: an <see cref="IReliableQueue"/> as a keyed service with the same name. It needs <c>UseRedis</c>
    /// (6.2 or newer), but no entity type and no sink.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder AddQueue(this WriteBehindBuilder builder, string name, Action<QueueOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new QueueOptions(name);
        configure?.Invoke(options);
        builder.Services.AddSingleton(options);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBehindOptions>, QueueOptionsValidator>());
        builder.Services.AddKeyedSingleton<IReliableQueue>(name, (provider, _) => new ReliableQueue(
            options,
            provider.GetRequiredService<WriteBehindOptions>().KeyPrefix,
            provider.GetRequiredService<RedisConnections>(),
            provider.GetRequiredService<QueueMetrics>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger(LogCategories.Queue)));
        return builder;
    }
}
