using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using WriteBehind.Health;

namespace WriteBehind;

/// <summary>Registers the engine's health checks.</summary>
public static class WriteBehindHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds the checks for Redis, PostgreSQL, age, durability and the background loops, named and tagged as
    /// <see cref="WriteBehindHealth"/> says.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <exception cref="ConfigurationException">A setting is out of its range.</exception>
    public static IHealthChecksBuilder AddWriteBehind(
        this IHealthChecksBuilder builder, Action<WriteBehindHealthOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new WriteBehindHealthOptions();
        configure?.Invoke(options);
        options.Validate();

        builder.Services.AddSingleton(services => new StatusProbe(
            services.GetRequiredService<IWriteBehindEngine>(),
            Clock(services),
            options.ShareFor));

        return builder
            .Add(WriteBehindHealth.Buffer, (probe, _) => new BufferHealthCheck(probe), options, WriteBehindHealth.ReadyTag)
            .Add(
                WriteBehindHealth.Loops,
                (probe, clock) => new LoopsHealthCheck(probe, clock, options.LoopSilence),
                options,
                WriteBehindHealth.ReadyTag)
            .Add(WriteBehindHealth.Database, (probe, _) => new DatabaseHealthCheck(probe), options)
            .Add(WriteBehindHealth.Age, (probe, _) => new AgeHealthCheck(probe, options.UnhealthyAgeFactor), options)
            .Add(WriteBehindHealth.Durability, (probe, _) => new DurabilityHealthCheck(probe), options);
    }

    private static IHealthChecksBuilder Add(
        this IHealthChecksBuilder builder,
        string name,
        Func<StatusProbe, TimeProvider, IHealthCheck> create,
        WriteBehindHealthOptions options,
        params string[] tags)
        => builder.Add(new HealthCheckRegistration(
            name,
            services => create(services.GetRequiredService<StatusProbe>(), Clock(services)),
            failureStatus: null,
            tags: [WriteBehindHealth.Tag, .. tags],
            options.Timeout));

    private static TimeProvider Clock(IServiceProvider services) => services.GetService<TimeProvider>() ?? TimeProvider.System;
}
