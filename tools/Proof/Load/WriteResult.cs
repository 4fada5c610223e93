namespace Proof.Load;

/// <summary>How a write ended for its caller.</summary>
public enum WriteResult
{
    /// <summary>The service acknowledged it: it counts.</summary>
    Acknowledged,

    /// <summary>The service says that it was not applied: it does not count.</summary>
    Refused,

    /// <summary>It was sent and its answer never came, or the service does not know either: it may count or not.</summary>
    Unknown,

    /// <summary>It never left this process: it may be sent again.</summary>
    NotSent,
}
