using System.Buffers;
using System.Text.Json;

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

/// <summary>System.Text.Json, the default. NaN and infinity are refused, as JSON has no word for them.</summary>
public sealed class JsonStateSerializer<TState> : IStateSerializer<TState>
    where TState : class
{
    /// <summary>The <see cref="IStateSerializer{TState}.Format"/> of JSON bodies.</summary>
    public const byte JsonFormat = 1;

    private readonly JsonSerializerOptions _options;

    /// <summary>Creates the serializer.</summary>
    /// <param name="options">Own options, such as a source-generated context; default <see cref="JsonSerializerOptions.Default"/>.</param>
    public JsonStateSerializer(JsonSerializerOptions? options = null) => _options = options ?? JsonSerializerOptions.Default;

    /// <inheritdoc />
    public byte Format => JsonFormat;

    /// <inheritdoc />
    public void Serialize(TState state, IBufferWriter<byte> output)
    {
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = _options.Encoder, SkipValidation = true });
        JsonSerializer.Serialize(writer, state, _options);
    }

    /// <inheritdoc />
    public TState Deserialize(ReadOnlySpan<byte> body)
        => JsonSerializer.Deserialize<TState>(body, _options) ?? throw new JsonException("The body is the JSON literal null.");
}
