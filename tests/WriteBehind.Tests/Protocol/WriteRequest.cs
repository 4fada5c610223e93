namespace WriteBehind.Tests.Protocol;

/// <summary>
/// A write as it is sent: its number (which is its nonce), what it puts, and the version that it goes on top of with the age of that
/// knowledge. A blind one goes on top of whatever is there, and the version counts only where Redis knows none. A shared one holds two
/// changes: the writer's, and one on top of it, which is what it puts. Writers count from 0 here.
/// </summary>
internal record struct WriteRequest(
    byte Write,
    byte Value,
    byte Seen,
    byte Version,
    byte Age,
    bool OldEpoch,
    bool Blind,
    byte Writer,
    bool Shared = false,
    bool Saved = false)
{
    /// <summary>In the name of a write that is the repeat of another: who repeats it.</summary>
    private const byte Repeater = 64;

    public readonly bool Exists => Write != 0;

    /// <summary>The operation that it carries out, whoever sends it.</summary>
    public readonly byte Operation => (byte)(Write % Repeater);

    /// <summary>The name of an operation's write where this writer repeats it.</summary>
    public static byte RepeatOf(byte operation, int writer) => (byte)(operation + (Repeater * (writer + 1)));
}
