using System.Buffers;
using WriteBehind.Serialization;

namespace WriteBehind.EntityFrameworkCore.Tracked;

/// <summary>
/// Copies states the way the buffer keeps them: out through the serializer and back. EF Core may then track and change the copy's
/// parts while the state itself, which its owner still works with, stays as it is.
/// </summary>
internal sealed class StateCopier<TState>(IStateSerializer<TState> serializer)
    where TState : class
{
    public TState Copy(TState state)
    {
        var body = new ArrayBufferWriter<byte>();
        serializer.Serialize(state, body);
        return serializer.Deserialize(body.WrittenSpan);
    }
}
