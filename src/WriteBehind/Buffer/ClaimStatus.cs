namespace WriteBehind.Buffer;

/// <summary>What the claim script says of one entity.</summary>
internal enum ClaimStatus
{
    /// <summary>The flusher holds it.</summary>
    Claimed,

    /// <summary>The claim has no room left for its payload: it is free and due, and may be claimed at once again.</summary>
    Later,

    /// <summary>Another flusher holds it.</summary>
    Held,

    /// <summary>It is not dirty.</summary>
    Clean,

    /// <summary>It is a dead letter.</summary>
    Dead,

    /// <summary>It is marked dirty, but Redis lost its state (evicted, or deleted by somebody).</summary>
    Lost,

    /// <summary>Its key holds something else than a hash.</summary>
    Error,
}
