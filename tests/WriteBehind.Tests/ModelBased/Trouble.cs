namespace WriteBehind.Tests.ModelBased;

/// <summary>What goes wrong with a request.</summary>
public enum Trouble
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The server refuses, and says so.</summary>
    Refused,

    /// <summary>The server does it, but its answer is lost.</summary>
    AnswerLost,

    /// <summary>The sender gives it up; it arrives later or never.</summary>
    HeldUp,
}
