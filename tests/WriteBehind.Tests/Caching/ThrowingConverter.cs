using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.Tests.Caching;

/// <summary>A converter that fails as the code of an application may.</summary>
internal sealed class ThrowingConverter<T> : JsonConverter<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => throw new InvalidOperationException("no reading (test)");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
        => throw new InvalidOperationException("no writing (test)");
}
