using System.Buffers;
using WriteBehind.Serialization;

namespace Orleans.WriteBehind.Storage;

/// <summary>Passes the JSON of grain states through: only the storage provider, which knows their types, reads and writes it.</summary>
internal sealed class GrainStateDocumentSerializer : IStateSerializer<GrainStateDocument>
{
    public byte Format => JsonStateSerializer<GrainStateDocument>.JsonFormat;

    public void Serialize(GrainStateDocument state, IBufferWriter<byte> output) => output.Write(state.Json.Span);

    public GrainStateDocument Deserialize(ReadOnlySpan<byte> body) => new(body.ToArray());
}
