namespace WriteBehind.Buffer;

/// <summary>
/// Called at each step of the protocol. Tests use it to hold, fail or kill a process at an exact point; the default does nothing.
/// </summary>
internal interface IProtocolGate
{
    /// <summary>Called when a batch reaches a step. An exception is treated as a failure of that step.</summary>
    ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken);
}

/// <summary>The gate that is always open.</summary>
internal sealed class OpenGate : IProtocolGate
{
    /// <summary>The one instance.</summary>
    public static readonly OpenGate Instance = new();

    private OpenGate()
    {
    }

    /// <inheritdoc />
    public ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken) => default;
}

/// <summary>The steps of the protocol between which anything may happen: where gates can stop, delay or kill.</summary>
internal enum ProtocolStep
{
    /// <summary>A batch of writes is about to be sent to Redis.</summary>
    BeforeWrite,

    /// <summary>Redis has acknowledged a batch of writes; the callers do not know yet.</summary>
    Written,

    /// <summary>A flusher is about to claim.</summary>
    BeforeClaim,

    /// <summary>The flusher holds its entities and has read their states.</summary>
    Claimed,

    /// <summary>The database has the batch; Redis does not know yet.</summary>
    Saved,

    /// <summary>The settle transaction is about to be sent.</summary>
    BeforeSettle,

    /// <summary>The entities that did not move on are clean.</summary>
    Settled,
}
