using System.Text.Json;
using Orleans.Storage;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A serializer of one's own: nobody else reads what it writes.</summary>
internal sealed class ReversedSerializer : IGrainStorageSerializer
{
    public BinaryData Serialize<T>(T? input) => Reversed(JsonSerializer.SerializeToUtf8Bytes(input));

    public T Deserialize<T>(BinaryData input) => JsonSerializer.Deserialize<T>(Reversed(input.ToArray()).ToArray())!;

    private static BinaryData Reversed(byte[] bytes)
    {
        Array.Reverse(bytes);
        return BinaryData.FromBytes(bytes);
    }
}
