using System.Buffers;
using System.Text;
using WriteBehind.EntityFrameworkCore.Tests.Models;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>A format that is no JSON.</summary>
internal sealed class TitleSerializer : IStateSerializer<Game>
{
    public byte Format => 200;

    public void Serialize(Game state, IBufferWriter<byte> output) => output.Write(Encoding.UTF8.GetBytes(state.Title));

    public Game Deserialize(ReadOnlySpan<byte> body) => new(Encoding.UTF8.GetString(body), 0, []);
}
