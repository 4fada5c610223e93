using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Engine;

/// <summary>Checks the settings of one entity type; every message names the type, the setting, its value and the fix.</summary>
internal static class EntityTypeOptionsValidator
{
    /// <summary>The shortest lease: clocks, the commit and a slow statement must fit well inside.</summary>
    private static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(2);

    /// <summary>The shortest fence: a writer must be able to load and write within it.</summary>
    private static readonly TimeSpan ShortestFence = TimeSpan.FromMilliseconds(100);

    public static List<string> Validate(EntityTypeOptions options)
    {
        var settings = SettingsCheck.Of("entity type", options.Type);
        settings.CheckName(options.Type);
        settings.Check(options.FlushDelay > TimeSpan.Zero, nameof(options.FlushDelay), options.FlushDelay, "use a time above 0.");
        settings.Check(
            options.MaxAge >= options.FlushDelay,
            nameof(options.MaxAge),
            options.MaxAge,
            $"use at least FlushDelay ({options.FlushDelay}).");
        settings.Check(options.BatchSize is >= 1 and <= 10_000, nameof(options.BatchSize), options.BatchSize, "use 1 to 10,000.");
        settings.Check(
            options.MaxBatchDelay >= TimeSpan.Zero && (options.MaxBatchDelay <= options.FlushDelay || options.FlushDelay <= TimeSpan.Zero),
            nameof(options.MaxBatchDelay),
            options.MaxBatchDelay,
            "use 0 up to FlushDelay.");
        settings.Check(
            options.Lease >= ShortestLease && options.Lease <= SettingsCheck.LongestTime,
            nameof(options.Lease),
            options.Lease,
            $"use {ShortestLease} to 1 day.");
        settings.Check(
            options.StatementTimeout > TimeSpan.Zero, nameof(options.StatementTimeout), options.StatementTimeout, "use a time above 0.");
        settings.Check(options.FenceTime >= ShortestFence, nameof(options.FenceTime), options.FenceTime, $"use at least {ShortestFence}.");
        settings.Check(
            options.TombstoneFenceTime >= options.FenceTime,
            nameof(options.TombstoneFenceTime),
            options.TombstoneFenceTime,
            $"use at least FenceTime ({options.FenceTime}).");
        settings.Check(options.MaxDirty >= 1, nameof(options.MaxDirty), options.MaxDirty, "use 1 or more.");
        settings.Check(options.Shards is >= 1 and <= 1024, nameof(options.Shards), options.Shards, "use 1 to 1,024.");
        settings.Check(Enum.IsDefined(options.AfterFlush), nameof(options.AfterFlush), options.AfterFlush, "use Delete or Keep.");
        settings.Check(options.CacheTtl > TimeSpan.Zero, nameof(options.CacheTtl), options.CacheTtl, "use a time above 0.");
        settings.Check(
            Enum.IsDefined(options.WriteStrategy), nameof(options.WriteStrategy), options.WriteStrategy, "use Behind or Through.");
        settings.Check(
            options.WriteThroughTimeout > TimeSpan.Zero && options.WriteThroughTimeout <= SettingsCheck.LongestTime,
            nameof(options.WriteThroughTimeout),
            options.WriteThroughTimeout,
            "use a time above 0, up to 1 day.");
        settings.Check(options.MaxAttempts >= 1, nameof(options.MaxAttempts), options.MaxAttempts, "use 1 or more.");
        settings.Check(options.RetryDelay >= TimeSpan.Zero, nameof(options.RetryDelay), options.RetryDelay, "use 0 or more.");
        settings.Check(
            options.MaxPayloadBytes is >= 1 and <= 256 << 20,
            nameof(options.MaxPayloadBytes),
            options.MaxPayloadBytes,
            "use 1 byte to 256 MiB.");
        settings.Check(
            options.SchemaVersion is >= 1 and <= ushort.MaxValue, nameof(options.SchemaVersion), options.SchemaVersion, "use 1 to 65,535.");
        settings.Check(
            options.OperationTime >= TimeSpan.FromSeconds(1) && options.OperationTime <= SettingsCheck.LongestTime,
            nameof(options.OperationTime),
            options.OperationTime,
            "use 1 s to 1 day.");
        settings.Check(
            options.MaxOperations >= 4L * options.Shards,
            nameof(options.MaxOperations),
            options.MaxOperations,
            $"use at least four for each of the {options.Shards} Shards.");
        settings.Check(
            options.MaxOperationsPerEntity >= 2, nameof(options.MaxOperationsPerEntity), options.MaxOperationsPerEntity, "use 2 or more.");
        settings.Check(
            options.MaxOperationResultBytes is >= 0 and <= 1 << 20,
            nameof(options.MaxOperationResultBytes),
            options.MaxOperationResultBytes,
            "use 0 bytes to 1 MiB.");
        settings.Check(options.SettleGroup is >= 1 and <= 10_000, nameof(options.SettleGroup), options.SettleGroup, "use 1 to 10,000.");
        settings.Check(options.RecentWrites >= 0, nameof(options.RecentWrites), options.RecentWrites, "use 0 or more.");
        settings.Check(options.RecentWriteBytes >= 0, nameof(options.RecentWriteBytes), options.RecentWriteBytes, "use 0 or more.");
        settings.Check(options.HasSerializer, "Serializer", "", "use a JsonStateSerializer or one of your own.");
        return settings.Failures;
    }
}

/// <summary>Checks all settings, the engine's and every type's, and reports everything that is wrong at once.</summary>
internal sealed class WriteBehindOptionsValidator(IServiceProvider services) : IValidateOptions<WriteBehindOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var settings = new SettingsCheck(static setting => $"WriteBehindOptions.{setting}");
        settings.Check(
            Names.IsName(options.KeyPrefix),
            nameof(options.KeyPrefix),
            options.KeyPrefix,
            "use a lower-case letter, then a-z, 0-9, '-' or '_'.");
        settings.Check(
            options.ReplicaAcknowledgements >= 0,
            nameof(options.ReplicaAcknowledgements),
            options.ReplicaAcknowledgements,
            "use 0 or more.");
        settings.Check(
            IsTime(options.ReplicaTimeout), nameof(options.ReplicaTimeout), options.ReplicaTimeout, "use a time above 0, up to 1 day.");
        settings.Check(
            IsTime(options.WriteTimeout), nameof(options.WriteTimeout), options.WriteTimeout, "use a time above 0, up to 1 day.");
        settings.Check(options.MaxUpdateRetries >= 0, nameof(options.MaxUpdateRetries), options.MaxUpdateRetries, "use 0 or more.");
        settings.Check(
            options.MaxConcurrentFlushes is >= 1 and <= 64,
            nameof(options.MaxConcurrentFlushes),
            options.MaxConcurrentFlushes,
            "use 1 to 64.");
        settings.Check(
            options.MaxConcurrentLoads is >= 1 and <= 64, nameof(options.MaxConcurrentLoads), options.MaxConcurrentLoads, "use 1 to 64.");
        settings.Check(IsTime(options.LoadTimeout), nameof(options.LoadTimeout), options.LoadTimeout, "use a time above 0, up to 1 day.");
        settings.Check(
            options.DrainTimeout == TimeSpan.Zero || IsTime(options.DrainTimeout),
            nameof(options.DrainTimeout),
            options.DrainTimeout,
            "use 0 (no flush at stop) up to 1 day.");
        settings.Check(options.BackoffStart > TimeSpan.Zero, nameof(options.BackoffStart), options.BackoffStart, "use a time above 0.");
        settings.Check(
            options.BackoffCap >= options.BackoffStart && options.BackoffCap <= SettingsCheck.LongestTime,
            nameof(options.BackoffCap),
            options.BackoffCap,
            "use at least BackoffStart, up to 1 day.");
        settings.Check(
            IsTime(options.WatchInterval), nameof(options.WatchInterval), options.WatchInterval, "use a time above 0, up to 1 day.");

        var failures = settings.Failures;
        if (services.GetService<RedisConnectionSource>() is null)
        {
            failures.Add("No Redis is configured: call UseRedis(\"host:port\") on the builder.");
        }

        var types = services.GetServices<EntityTypeOptions>().ToArray();
        failures.AddRange(SettingsCheck.Twice("entity type", types.Select(static type => type.Type)));
        failures.AddRange(types.SelectMany(EntityTypeOptionsValidator.Validate));
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static bool IsTime(TimeSpan time) => time > TimeSpan.Zero && time <= SettingsCheck.LongestTime;
}
