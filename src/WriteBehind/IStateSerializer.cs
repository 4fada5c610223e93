using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using WriteBehind.States;

namespace WriteBehind;

/// <summary>Turns a state into bytes and back. Must be safe to call from many threads at once.</summary>
public interface IStateSerializer<TState>
    where TState : class
{
    /// <summary>
    /// A number that says which format the body has, written into every payload: 1 is JSON, 2 to 127 are reserved, 128 to 255
    /// are free for applications. A payload of another format is refused, not guessed at.
    /// </summary>
    byte Format { get; }

    /// <summary>Writes the state's body.</summary>
    void Serialize(TState state, IBufferWriter<byte> output);

    /// <summary>Reads a state back. The body is of the current schema version; older ones were upgraded before.</summary>
    TState Deserialize(ReadOnlySpan<byte> body);
}

/// <summary>
/// System.Text.Json, the default. NaN and infinity are refused, as JSON has no word for them; and so is whatever would not come back as it
/// was (docs/states.md): a type at the start of the engine where its contract shows it, a state at the write.
/// </summary>
public sealed class JsonStateSerializer<TState> : IStateSerializer<TState>
    where TState : class
{
    /// <summary>The <see cref="IStateSerializer{TState}.Format"/> of JSON bodies.</summary>
    public const byte JsonFormat = 1;

    private readonly JsonSerializerOptions _options;
    private readonly Lazy<Parts> _parts;

    /// <summary>Creates the serializer.</summary>
    /// <param name="options">Own options, such as a source-generated context; default <see cref="JsonSerializerOptions.Default"/>.</param>
    public JsonStateSerializer(JsonSerializerOptions? options = null)
    {
        _options = options ?? JsonSerializerOptions.Default;
        _parts = new Lazy<Parts>(() => new Parts(StrictJson.Of(_options)));
    }

    /// <inheritdoc />
    public byte Format => JsonFormat;

    /// <summary>What reads back what was written.</summary>
    internal JsonProof Proof => _parts.Value.Proof;

    /// <inheritdoc />
    public void Serialize(TState state, IBufferWriter<byte> output)
    {
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = _options.Encoder, SkipValidation = true });
        JsonSerializer.Serialize(writer, state, _parts.Value.Type);
    }

    /// <inheritdoc />
    public TState Deserialize(ReadOnlySpan<byte> body) => Read(body, _parts.Value.Type);

    /// <summary>The same, and what only another release can know is an error: a derived class, a value of an enum, a member.</summary>
    /// <param name="body">The state's body.</param>
    /// <param name="takesOtherMembers">Whether members that the state type does not have are passed over.</param>
    /// <exception cref="UnknownMemberException">There is such a thing; but for that the body could be read.</exception>
    internal TState DeserializeStrictly(ReadOnlySpan<byte> body, bool takesOtherMembers = false)
    {
        var parts = _parts.Value;
        try
        {
            return Read(body, takesOtherMembers ? parts.Type : parts.Strict);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            try
            {
                _ = Read(body, parts.Type);
            }
            catch (Exception other) when (other is JsonException or NotSupportedException)
            {
                if (!parts.Json.HoldsUnknownName(body, typeof(TState)))
                {
                    throw;
                }

                throw new UnknownMemberException(other);
            }

            throw new UnknownMemberException(e);
        }
    }

    private static TState Read(ReadOnlySpan<byte> body, JsonTypeInfo<TState> type)
        => JsonSerializer.Deserialize(body, type) ?? throw new JsonException("The body is the JSON literal null.");

    private sealed class Parts(StrictJson json)
    {
        public StrictJson Json => json;

        public JsonTypeInfo<TState> Type { get; } = (JsonTypeInfo<TState>)json.Options.GetTypeInfo(typeof(TState));

        public JsonTypeInfo<TState> Strict { get; } = (JsonTypeInfo<TState>)json.Reader.GetTypeInfo(typeof(TState));

        public JsonProof Proof { get; } = new(json, typeof(TState));
    }
}
