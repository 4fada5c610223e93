namespace WriteBehind.Gates;

/// <summary>The steps of the protocol between which anything may happen: where gates can stop, delay or kill.</summary>
public enum ProtocolStep
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
