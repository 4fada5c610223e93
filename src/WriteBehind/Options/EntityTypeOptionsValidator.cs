using System.Globalization;
using WriteBehind.Buffer;

namespace WriteBehind;

/// <summary>Checks the settings of one entity type; every message names the type, the setting, its value and the fix.</summary>
internal static class EntityTypeOptionsValidator
{
    /// <summary>The shortest lease: clocks, the commit and a slow statement must fit well inside.</summary>
    private static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(2);

    /// <summary>The shortest fence: a writer must be able to load and write within it.</summary>
    private static readonly TimeSpan ShortestFence = TimeSpan.FromMilliseconds(100);

    public static List<string> Validate(EntityTypeOptions options)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{setting} of entity type '{options.Type}' is '{value}': {fix}"));
            }
        }

        Check(EntityIds.IsName(options.Type), "Name", options.Type, "use a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.");
        Check(options.FlushDelay > TimeSpan.Zero, nameof(options.FlushDelay), options.FlushDelay, "use a time above 0.");
        Check(options.MaxAge >= options.FlushDelay, nameof(options.MaxAge), options.MaxAge, $"use at least FlushDelay ({options.FlushDelay}).");
        Check(options.BatchSize is >= 1 and <= 10_000, nameof(options.BatchSize), options.BatchSize, "use 1 to 10,000.");
        Check(
            options.MaxBatchDelay >= TimeSpan.Zero && (options.MaxBatchDelay <= options.FlushDelay || options.FlushDelay <= TimeSpan.Zero), nameof(options.MaxBatchDelay), options.MaxBatchDelay, "use 0 up to FlushDelay.");
        Check(
            options.Lease >= ShortestLease && options.Lease <= WriteBehindOptionsValidator.LongestTime, nameof(options.Lease), options.Lease, $"use {ShortestLease} to 1 day.");
        Check(options.StatementTimeout > TimeSpan.Zero, nameof(options.StatementTimeout), options.StatementTimeout, "use a time above 0.");
        Check(options.FenceTime >= ShortestFence, nameof(options.FenceTime), options.FenceTime, $"use at least {ShortestFence}.");
        Check(options.TombstoneFenceTime >= options.FenceTime, nameof(options.TombstoneFenceTime), options.TombstoneFenceTime, $"use at least FenceTime ({options.FenceTime}).");
        Check(options.MaxDirty >= 1, nameof(options.MaxDirty), options.MaxDirty, "use 1 or more.");
        Check(options.Shards is >= 1 and <= 1024, nameof(options.Shards), options.Shards, "use 1 to 1,024.");
        Check(Enum.IsDefined(options.AfterFlush), nameof(options.AfterFlush), options.AfterFlush, "use Delete or Keep.");
        Check(options.CacheTtl > TimeSpan.Zero, nameof(options.CacheTtl), options.CacheTtl, "use a time above 0.");
        Check(Enum.IsDefined(options.WriteStrategy), nameof(options.WriteStrategy), options.WriteStrategy, "use Behind or Through.");
        Check(
            options.WriteThroughTimeout > TimeSpan.Zero && options.WriteThroughTimeout <= WriteBehindOptionsValidator.LongestTime, nameof(options.WriteThroughTimeout), options.WriteThroughTimeout, "use a time above 0, up to 1 day.");
        Check(options.MaxAttempts >= 1, nameof(options.MaxAttempts), options.MaxAttempts, "use 1 or more.");
        Check(options.RetryDelay >= TimeSpan.Zero, nameof(options.RetryDelay), options.RetryDelay, "use 0 or more.");
        Check(options.MaxPayloadBytes is >= 1 and <= 256 << 20, nameof(options.MaxPayloadBytes), options.MaxPayloadBytes, "use 1 byte to 256 MiB.");
        Check(options.SchemaVersion is >= 1 and <= ushort.MaxValue, nameof(options.SchemaVersion), options.SchemaVersion, "use 1 to 65,535.");
        Check(options.SettleGroup is >= 1 and <= 10_000, nameof(options.SettleGroup), options.SettleGroup, "use 1 to 10,000.");
        Check(options.HasSerializer, "Serializer", "", "use a JsonStateSerializer or one of your own.");
        return failures;
    }
}
