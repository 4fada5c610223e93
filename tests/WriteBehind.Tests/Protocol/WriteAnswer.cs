namespace WriteBehind.Tests.Protocol;

internal enum WriteAnswer
{
    /// <summary>Stored.</summary>
    Taken,

    /// <summary>This very write had been stored before.</summary>
    Repeated,

    /// <summary>Another version is there, or the writer has to confirm its knowledge first.</summary>
    Refused,

    /// <summary>It is an operation that has taken effect, or may have.</summary>
    Known,
}
