using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using WriteBehind.States;

namespace WriteBehind.Caching;

/// <summary>Values to payloads and back. The schema version is in the key, so a payload is the value's JSON and nothing else.</summary>
internal sealed partial class CacheCodec(CacheOptions options, ILogger logger)
{
    private readonly StrictJson _json = StrictJson.Of(options.Json);
    private readonly ConcurrentDictionary<Type, JsonProof> _proofs = new();

    /// <summary>The payload; null where the value can't be cached, which is logged.</summary>
    public byte[]? Encode<T>(string key, T value)
    {
        try
        {
            var proof = _proofs.GetOrAdd(typeof(T), static (type, json) => new JsonProof(json, type), _json);
            var payload = JsonSerializer.SerializeToUtf8Bytes(value, _json.Options);
            var reason = proof.Contract.Faults is [var fault, ..] ? fault : proof.IsDue(payload) ? proof.Refuse(value!, payload) : null;
            if (reason is not null)
            {
                NotTheSame(logger, options.Name, key, typeof(T).Name, reason);
                return null;
            }

            if (payload.Length <= options.MaxPayloadBytes)
            {
                return payload;
            }

            TooLong(logger, options.Name, key, payload.Length, options.MaxPayloadBytes);
        }
        // Getters and converters are the application's, and may throw anything. That nothing is cached is all that follows.
#pragma warning disable CA1031
        catch (Exception e)
#pragma warning restore CA1031
        {
            NotSerializable(logger, e, options.Name, key, typeof(T).Name);
        }

        return null;
    }

    /// <summary>The value; false where the payload can't be read, which is logged: then it is loaded anew.</summary>
    public bool TryDecode<T>(string key, ReadOnlyMemory<byte> payload, out T? value)
        where T : class
    {
        try
        {
            value = JsonSerializer.Deserialize<T>(payload.Span, _json.Options);
            return value is not null;
        }
#pragma warning disable CA1031 // As above, for setters and constructors.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Unreadable(logger, e, options.Name, key, typeof(T).Name);
            value = null;
            return false;
        }
    }

    [LoggerMessage(
        1, LogLevel.Warning, "'{Key}' of cache '{Cache}' is not cached: it has {Length} bytes, more than MaxPayloadBytes ({Limit}).")]
    private static partial void TooLong(ILogger logger, string cache, string key, int length, int limit);

    [LoggerMessage(2, LogLevel.Warning, "'{Key}' of cache '{Cache}' is not cached: its {Type} can't be turned into JSON.")]
    private static partial void NotSerializable(ILogger logger, Exception error, string cache, string key, string type);

    [LoggerMessage(
        3, LogLevel.Warning,
        "'{Key}' of cache '{Cache}' can't be read as {Type} and is loaded anew. Raise SchemaVersion when a type changes.")]
    private static partial void Unreadable(ILogger logger, Exception error, string cache, string key, string type);

    [LoggerMessage(4, LogLevel.Warning, "'{Key}' of cache '{Cache}' is not cached: its {Type} would not come back as it is. {Reason}")]
    private static partial void NotTheSame(ILogger logger, string cache, string key, string type, string reason);
}
