namespace WriteBehind.Flushing;

/// <summary>What an error says about whose fault it is. The codes are SQLSTATEs, whose classes are the SQL standard's.</summary>
internal static class Blame
{
    private const string MissingReference = "23503";

    /// <summary>
    /// Whether the error proves itself: data that does not fit (22), a broken constraint (23) or check option (44), a row that is too large
    /// (54). A trigger may raise any other for all rows, and what a row refers to may come with the next flush of another type.
    /// </summary>
    public static bool IsOfValue(Exception error) => error is SinkException
    {
        Failure: SinkFailure.Entity,
        Code: not MissingReference and (['2', '2', ..] or ['2', '3', ..] or ['4', '4', ..] or ['5', '4', ..]),
    };

    /// <summary>Whether what the row refers to is not there (yet): its entity may be dirty still.</summary>
    public static bool IsOfReference(Exception error) => error is SinkException { Code: MissingReference };

    /// <inheritdoc cref="IsOfReference(Exception)" />
    public static bool IsOfReference(string? code) => code == MissingReference;

    /// <summary>What tells one error from another.</summary>
    public static string CodeOf(Exception error) => (error as SinkException)?.Code ?? error.GetBaseException().GetType().Name;

    /// <summary>An error that all of a type meet.</summary>
    public static SinkException OfNobody(Exception error, string type) => error is SinkException { Failure: SinkFailure.Statement } known
        ? known
        : new SinkException(
            SinkFailure.Statement,
            $"Nothing of '{type}' can be saved, so no entity is to blame: {error.Message}",
            (error as SinkException)?.Code,
            type,
            cause: error);
}
