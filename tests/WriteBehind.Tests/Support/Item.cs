namespace WriteBehind.Tests.Support;

/// <summary>
/// The state most tests use. A note longer than 20 characters fits no row, and a negative quantity breaks a check: poison.
/// </summary>
public sealed record Item(long Quantity, string? Note = null)
{
    /// <summary>A note that PostgreSQL rejects.</summary>
    public const string TooLongNote = "this note is longer than twenty characters";
}
