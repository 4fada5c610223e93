using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WriteBehind.Buffer;
using WriteBehind.Caching;

namespace WriteBehind;

/// <summary>Checks all settings, the engine's and every type's, and reports everything that is wrong at once.</summary>
internal sealed class WriteBehindOptionsValidator(IServiceProvider services) : IValidateOptions<WriteBehindOptions>
{
    /// <summary>The longest time that makes sense anywhere here; timers have a limit of their own, 49 days.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"WriteBehindOptions.{setting} is '{value}': {fix}"));
            }
        }

        Check(EntityIds.IsName(options.KeyPrefix), nameof(options.KeyPrefix), options.KeyPrefix, "use a lower-case letter, then a-z, 0-9, '-' or '_'.");
        Check(options.ReplicaAcknowledgements >= 0, nameof(options.ReplicaAcknowledgements), options.ReplicaAcknowledgements, "use 0 or more.");
        Check(IsTime(options.ReplicaTimeout), nameof(options.ReplicaTimeout), options.ReplicaTimeout, "use a time above 0, up to 1 day.");
        Check(IsTime(options.WriteTimeout), nameof(options.WriteTimeout), options.WriteTimeout, "use a time above 0, up to 1 day.");
        Check(options.MaxUpdateRetries >= 0, nameof(options.MaxUpdateRetries), options.MaxUpdateRetries, "use 0 or more.");
        Check(options.MaxConcurrentFlushes is >= 1 and <= 64, nameof(options.MaxConcurrentFlushes), options.MaxConcurrentFlushes, "use 1 to 64.");
        Check(options.MaxConcurrentLoads is >= 1 and <= 64, nameof(options.MaxConcurrentLoads), options.MaxConcurrentLoads, "use 1 to 64.");
        Check(
            options.DrainTimeout == TimeSpan.Zero || IsTime(options.DrainTimeout), nameof(options.DrainTimeout), options.DrainTimeout, "use 0 (no flush at stop) up to 1 day.");
        Check(options.BackoffStart > TimeSpan.Zero, nameof(options.BackoffStart), options.BackoffStart, "use a time above 0.");
        Check(
            options.BackoffCap >= options.BackoffStart && options.BackoffCap <= LongestTime, nameof(options.BackoffCap), options.BackoffCap, "use at least BackoffStart, up to 1 day.");
        Check(IsTime(options.WatchInterval), nameof(options.WatchInterval), options.WatchInterval, "use a time above 0, up to 1 day.");

        if (services.GetService<RedisConnectionSource>() is null)
        {
            failures.Add("No Redis is configured: call UseRedis(\"host:port\") on the builder.");
        }

        var registrations = services.GetServices<IEntityRegistration>().ToArray();
        foreach (var twice in registrations.GroupBy(r => r.Type, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            failures.Add($"The entity type '{twice.Key}' is registered {twice.Count()} times: register each name once.");
        }

        foreach (var registration in registrations)
        {
            failures.AddRange(EntityTypeOptionsValidator.Validate(registration.Options));
        }

        var caches = services.GetServices<ICacheRegistration>().ToArray();
        foreach (var twice in caches.GroupBy(c => c.Options.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            failures.Add($"The cache '{twice.Key}' is registered {twice.Count()} times: register each name once.");
        }

        EntityTypeOptions[] entities = [.. registrations.Select(registration => registration.Options)];
        failures.AddRange(caches.SelectMany(cache => cache.Validate(entities)));
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static bool IsTime(TimeSpan time) => time > TimeSpan.Zero && time <= LongestTime;
}
