namespace WriteBehind.Tests.Protocol;

/// <summary>What a step did that no state shows.</summary>
internal enum Breach : byte
{
    None,

    /// <summary>It set a write aside for a conflict that nobody but the engine itself had made.</summary>
    SetAsideForNothing,

    /// <summary>It gave a writer something older than the row.</summary>
    ReadBehindRow,

    /// <summary>It gave a writer a row that is older than what was settled.</summary>
    ReadBehindFence,
}
