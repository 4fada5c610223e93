namespace WriteBehind.DeadLetters;

/// <summary>An entity that was set aside because the database rejects it. Its acknowledged state is kept.</summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version that was rejected.</param>
/// <param name="Reason">Why it was set aside.</param>
/// <param name="Error">The last error, in the database's words.</param>
/// <param name="Code">The database's code (SQLSTATE); null where there is none.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="FirstFailedAt">When it was rejected first.</param>
/// <param name="SetAsideAt">When it was set aside.</param>
/// <param name="StoredVersion">For <see cref="DeadLetterReason.Fenced"/>: the version of the newer row.</param>
public sealed record DeadLetter(
    string Type,
    string Id,
    long Version,
    DeadLetterReason Reason,
    string Error,
    string? Code,
    int Attempts,
    DateTimeOffset FirstFailedAt,
    DateTimeOffset SetAsideAt,
    long StoredVersion);
