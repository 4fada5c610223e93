namespace WriteBehind.Tests.Protocol;

/// <summary>One writer: what it knows of the entity, the age of that knowledge, and the write whose outcome it does not know.</summary>
/// <param name="Phase">What it is about.</param>
/// <param name="Version">The version it believes to be the current one.</param>
/// <param name="Age">Ticks since it asked Redis; stops growing at the fence's time.</param>
/// <param name="OldEpoch">Whether that was before Redis came back empty.</param>
/// <param name="Seen">The value that it believes to be the current one.</param>
/// <param name="Write">The unsure write.</param>
/// <param name="Value">What the unsure write puts; the version that it remembers, while it compares that; while it looks, 1 if there must
/// be a row.</param>
/// <param name="Shared">Whether the unsure write holds a change that came after its own.</param>
/// <param name="Saved">Whether that was in the database when it looked: of the row, or of a clean state.</param>
internal record struct Writer(
    WriterPhase Phase, byte Version, byte Age, bool OldEpoch, byte Seen, byte Write, byte Value, bool Shared, bool Saved = false)
{
    public static Writer Knowing(byte version, byte value) => new(WriterPhase.Knowing, version, 0, false, value, 0, 0, false);

    /// <summary>
    /// Acknowledged: it knows what it put. Of a shared write it is told the version of its own change, which is not what is stored.
    /// </summary>
    public static Writer Acknowledged(in WriteRequest sent, byte stored) => sent.Shared
        ? new(WriterPhase.Remembering, (byte)(sent.Version + 1), 0, false, World.Overtaken, 0, 0, false)
        : Knowing(stored, sent.Value);

    public static Writer UnsureOf(in WriteRequest sent) => new(
        sent.Blind ? WriterPhase.BlindlyUnsure : WriterPhase.Unsure,
        sent.Version,
        sent.Age,
        sent.OldEpoch,
        sent.Seen,
        sent.Write,
        sent.Value,
        sent.Shared,
        sent.Saved);

    /// <summary>The write it is unsure of, to be sent again.</summary>
    public readonly WriteRequest SentBy(int number)
        => new(Write, Value, Seen, Version, Age, OldEpoch, Phase == WriterPhase.BlindlyUnsure, (byte)number, Shared, Saved);
}
