namespace WriteBehind.Buffer;

/// <summary>
/// Whether the buffer may be used: not before the checks of the start have passed, and not after they failed. An engine with another shard
/// count, or over somebody else's keys, would write where nobody looks. Reads are kept out as well: they would look in the wrong place, and
/// they write the epoch of a shard that has none.
/// </summary>
internal sealed class Admission
{
    private Func<string, WriteBehindException>? _closed = static type => new BufferUnavailableException(
        $"The write-behind engine of this process has not started yet, so nothing of '{type}' is read or written. Start the host first; " +
        "a hosted service of your own that uses entities is registered after AddWriteBehind.");

    /// <summary>Lets everybody in.</summary>
    public void Open() => Volatile.Write(ref _closed, null);

    /// <summary>Keeps everybody out, and says why.</summary>
    public void Refuse(ConfigurationException reason) => Volatile.Write(
        ref _closed,
        type => new ConfigurationException(reason.Setting, $"Nothing of '{type}' is read or written: {reason.Message}", type, reason));

    /// <exception cref="BufferUnavailableException">The engine has not started.</exception>
    /// <exception cref="ConfigurationException">Its start was refused.</exception>
    public void Check(string type)
    {
        if (Volatile.Read(ref _closed) is { } closed)
        {
            throw closed(type);
        }
    }
}
