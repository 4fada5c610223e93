namespace WriteBehind.Tests.Protocol;

internal enum FlusherPhase : byte
{
    Idle,

    /// <summary>It has claimed and is about to save.</summary>
    Holding,

    /// <summary>Its statement ran and is not committed.</summary>
    Committing,

    /// <summary>The database has it; Redis does not know yet.</summary>
    Saved,

    /// <summary>The row is another one, of this version or a newer one. The flusher's value is the version found.</summary>
    Refused,
}
