using System.Buffers;

namespace WriteBehind.Serialization;

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
