namespace WriteBehind.DeadLetters;

/// <summary>Why an entity was set aside.</summary>
public enum DeadLetterReason
{
    /// <summary>The database rejects it.</summary>
    Rejected,

    /// <summary>Its payload can't be read.</summary>
    Unreadable,

    /// <summary>The database has a newer row. The row counts; this state is kept in the letter only.</summary>
    Fenced,
}
