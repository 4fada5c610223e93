namespace WriteBehind.Serialization;

/// <summary>What can be said of a payload without knowing its state type.</summary>
internal static class PayloadCodec
{
    public const byte Magic = 0xB5;
    public const int HeaderLength = 5;

    /// <summary>The body of a payload, without its header, for showing it; the whole payload where it has none.</summary>
    public static ReadOnlyMemory<byte> BodyOf(ReadOnlyMemory<byte> payload)
        => payload.Length >= HeaderLength && payload.Span[0] == Magic ? payload[HeaderLength..] : payload;
}
