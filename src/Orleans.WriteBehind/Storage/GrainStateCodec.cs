using System.Buffers;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orleans.Storage;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.States;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Turns grain states into documents and back: as the JSON they are where that brings them back as they were, otherwise wrapped, as the
/// silo's own serializer writes them. A document shows which it is, so either is read whatever is set now.
/// </summary>
/// <remarks>
/// The wrapped form is a JSON object with one member: <c>$orleans</c> holds a text, <c>$orleans64</c> bytes in base 64. It is not put into
/// the document as the JSON it may be: <c>jsonb</c> sorts members, and Orleans' JSON says with the first of them what the others are.
/// </remarks>
internal sealed class GrainStateCodec<T>
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether the application has said that members which it does not know may be lost.</summary>
    private static readonly bool IsPassedOver = typeof(T).GetCustomAttribute<JsonUnmappedMemberHandlingAttribute>()
        is { UnmappedMemberHandling: JsonUnmappedMemberHandling.Skip };

    private readonly WriteBehindGrainStorageOptions _options;
    private readonly IGrainStorageSerializer _silo;
    private readonly StrictJson _json;
    private readonly Lazy<JsonProof> _proof;

    public GrainStateCodec(WriteBehindGrainStorageOptions options, IGrainStorageSerializer silo)
    {
        (_options, _silo, _json) = (options, silo, StrictJson.Of(options.Json));
        _proof = new Lazy<JsonProof>(() => new JsonProof(_json, typeof(T)));
    }

    /// <exception cref="PayloadException">Neither brings the state back as it is.</exception>
    public GrainStateDocument Write(string id, T state)
    {
        if (_options.Format == GrainStateFormat.Silo)
        {
            return WriteWrapped(id, state, null);
        }

        var (json, reason) = WriteJson(state);
        return json is not null ? new GrainStateDocument(json)
            : _options.Format == GrainStateFormat.JsonWherePossible ? WriteWrapped(id, state, reason)
            : throw Refuse(id, $"{reason} (GrainStateFormat.JsonWherePossible leaves such states to the silo's serializer.)", null);
    }

    /// <exception cref="PayloadException">What is stored is no such state, or has what this process does not know.</exception>
    public T Read(string id, GrainStateDocument document)
    {
        try
        {
            return Unwrap(document.Json.Span) is { } bytes ? ReadWrapped(id, bytes) : ReadJson(id, document.Json.Span);
        }
        catch (Exception e) when (e is not PayloadException)
        {
            throw new PayloadException(
                PayloadProblem.Unreadable,
                $"The state of {_options.EntityType} '{id}' can't be read as a {typeof(T).Name}: {e.Message}",
                _options.EntityType, id, e);
        }
    }

    private (byte[]? Json, string? Reason) WriteJson(T state)
    {
        try
        {
            if (_proof.Value.Contract.Faults is [var fault, ..])
            {
                return (null, fault);
            }

            if (_proof.Value.NeedsOrder)
            {
                return (null, "ReferenceHandler.Preserve needs members in the order in which they were written, and jsonb keeps none.");
            }

            var json = JsonSerializer.SerializeToUtf8Bytes(state, _json.Options);
            var reason = JsonProof.HoldsNul(json) ? "A text holds the character U+0000, which jsonb has no place for."
                : Unwrap(json) is not null ? "It looks like a state that is wrapped."
                : state is not null && _proof.Value.IsDue(json) ? _proof.Value.Refuse(state, json)
                : null;
            return reason is null ? (json, null) : (null, reason);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            return (null, e.Message);
        }
    }

    private T ReadJson(string id, ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, _json.Reader)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            // But for what this release does not know it can be read: that is a newer release's, and would be lost with the next write.
            if (!_json.HoldsUnknownName(json, typeof(T)))
            {
                _ = JsonSerializer.Deserialize<T>(json, _json.Options);
            }

            throw Newer(id, e.Message, e);
        }
    }

    /// <summary>
    /// The silo's serializer passes over members that it does not know. Where it writes JSON, they are missed in what it makes of the state
    /// that it has read.
    /// </summary>
    private T ReadWrapped(string id, byte[] bytes)
    {
        var state = _silo.Deserialize<T>(BinaryData.FromBytes(bytes))!;
        return IsPassedOver
            || Parse(bytes) is not { } stored || Parse(_silo.Serialize(state).ToArray()) is not { } known
            || MissingIn(known, stored, typeof(T).Name) is not { } missing
                ? state
                : throw Newer(id, $"{missing} is no member of what was read", null);
    }

    private static JsonElement? Parse(byte[] bytes)
    {
        // As a rule it is binary, and an exception for each state that is loaded would be dear.
        if (bytes.AsSpan().TrimStart(" \t\r\n"u8) is not [(byte)'{', ..])
        {
            return null;
        }

        try
        {
            var reader = new Utf8JsonReader(bytes);
            return JsonElement.TryParseValue(ref reader, out var element) && element?.ValueKind == JsonValueKind.Object ? element : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The way to the first member of one that the other does not have. Values play no part.</summary>
    private static string? MissingIn(JsonElement known, JsonElement stored, string path) => (stored.ValueKind, known.ValueKind) switch
    {
        (JsonValueKind.Object, JsonValueKind.Object) => stored.EnumerateObject()
            .Select(member => known.TryGetProperty(member.Name, out var other)
                ? MissingIn(other, member.Value, $"{path}.{member.Name}")
                : $"{path}.{member.Name}")
            .FirstOrDefault(static found => found is not null),
        (JsonValueKind.Array, JsonValueKind.Array) => stored.EnumerateArray().Zip(known.EnumerateArray())
            .Select((pair, i) => MissingIn(pair.Second, pair.First, $"{path}[{i}]"))
            .FirstOrDefault(static found => found is not null),
        _ => null,
    };

    private PayloadException Newer(string id, string what, Exception? cause) => new(
        PayloadProblem.NewerSchema,
        $"The state of {_options.EntityType} '{id}' has what this process does not know ({what}), so it is left alone: a newer release " +
        $"of the application wrote it and can read it. Where {typeof(T).Name} has lost a member for good, mark it with " +
        "[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)].",
        _options.EntityType,
        id,
        cause);

    private GrainStateDocument WriteWrapped(string id, T state, string? reason)
    {
        byte[] bytes;
        string? difference;
        try
        {
            bytes = _silo.Serialize(state).ToArray();
            difference = Difference(state, bytes);
        }
#pragma warning disable CA1031 // Whatever the serializer throws, the answer is the same.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw Refuse(id, $"{reason}{(reason is null ? string.Empty : " ")}And {_silo.GetType().Name} failed: {e.Message}", e);
        }

        return difference is null ? Wrap(bytes)
            : throw Refuse(id, $"{reason}{(reason is null ? string.Empty : " ")}And with {_silo.GetType().Name}, {difference}", null);
    }

    private string? Difference(T state, byte[] bytes)
    {
        var read = _silo.Deserialize<T>(BinaryData.FromBytes(bytes));

        // One that encrypts writes the same state in another way each time: then there is nothing to compare.
        if (!_silo.Serialize(read).ToMemory().Span.SequenceEqual(bytes) && _silo.Serialize(state).ToMemory().Span.SequenceEqual(bytes))
        {
            return "what is read back is written in another way than the state was.";
        }

        return new GraphComparer().Difference(state, read, typeof(T).Name);
    }

    private static GrainStateDocument Wrap(byte[] bytes)
    {
        var output = new ArrayBufferWriter<byte>(bytes.Length + 32);
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            if (TextOf(bytes) is { } text)
            {
                writer.WriteString("$orleans", text);
            }
            else
            {
                writer.WriteBase64String("$orleans64", bytes);
            }

            writer.WriteEndObject();
        }

        return new GrainStateDocument(output.WrittenSpan.ToArray());
    }

    /// <summary>The bytes as a text that jsonb takes; null where they are none.</summary>
    private static string? TextOf(byte[] bytes)
    {
        try
        {
            var text = Utf8.GetString(bytes);
            return text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>The bytes of the silo's serializer; null where the document is the state itself.</summary>
    private static byte[]? Unwrap(ReadOnlySpan<byte> json)
    {
        if (json.Length > 32 ? json[..32].IndexOf("$orleans"u8) < 0 : json.IndexOf("$orleans"u8) < 0)
        {
            return null;
        }

        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject
            || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
        {
            return null;
        }

        var (isText, isBytes) = (reader.ValueTextEquals("$orleans"u8), reader.ValueTextEquals("$orleans64"u8));
        return (isText || isBytes) && reader.Read() && reader.TokenType == JsonTokenType.String
            ? isText ? Utf8.GetBytes(reader.GetString()!) : reader.GetBytesFromBase64()
            : null;
    }

    private PayloadException Refuse(string id, string reason, Exception? cause) => new(
        PayloadProblem.NotSerializable,
        $"The state of {_options.EntityType} '{id}', a {typeof(T).Name}, can't be serialised so that it comes back as it is, so " +
        $"nothing was written: {reason}",
        _options.EntityType,
        id,
        cause);
}

/// <summary>A grain state of any type as the engine carries it: JSON it does not look into.</summary>
/// <param name="Json">The state, as UTF-8.</param>
internal sealed record GrainStateDocument(ReadOnlyMemory<byte> Json);

/// <summary>Passes the JSON of grain states through: only the storage provider, which knows their types, reads and writes it.</summary>
internal sealed class GrainStateDocumentSerializer : IStateSerializer<GrainStateDocument>, IProvenSerializer
{
    public byte Format => JsonStateSerializer<GrainStateDocument>.JsonFormat;

    public void Serialize(GrainStateDocument state, IBufferWriter<byte> output) => output.Write(state.Json.Span);

    public GrainStateDocument Deserialize(ReadOnlySpan<byte> body) => new(body.ToArray());
}
