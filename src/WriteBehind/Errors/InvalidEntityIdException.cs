namespace WriteBehind;

/// <summary>The id can't name an entity. Nothing was written.</summary>
public sealed class InvalidEntityIdException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public InvalidEntityIdException(string entityType, string? entityId, string reason, Exception? cause = null)
        : base($"'{Shorten(entityId)}' is no id of a {entityType}: {reason}", entityType, entityId, cause)
        => Reason = reason;

    /// <summary>What is wrong with it, as a sentence.</summary>
    public string Reason { get; }

    private static string Shorten(string? id) => id is { Length: > 64 } ? string.Concat(id.AsSpan(0, 64), "…") : id ?? "(null)";
}
