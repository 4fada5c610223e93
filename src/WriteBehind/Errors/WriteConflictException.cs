namespace WriteBehind;

/// <summary>
/// The writer's knowledge of the entity was out of date: somebody else wrote in between, or what it took for absent exists. Nothing was written.
/// Load the entity again and decide anew.
/// </summary>
public sealed class WriteConflictException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public WriteConflictException(string entityType, string entityId, long expectedVersion, long currentVersion)
        : base(
            (expectedVersion == 0 && currentVersion == 0
                ? $"{entityType} '{entityId}' exists, as a row whose version is 0, but the writer expected it not to. "
                : $"{entityType} '{entityId}' is at version {currentVersion}, but the writer expected {expectedVersion}: somebody else wrote in between. ") +
            "Nothing was written; load the entity again and repeat the change.",
            entityType,
            entityId)
    {
        ExpectedVersion = expectedVersion;
        CurrentVersion = currentVersion;
    }

    /// <summary>The version the writer believed to be the current one; 0 where it believed that the entity does not exist.</summary>
    public long ExpectedVersion { get; }

    /// <summary>The version found.</summary>
    public long CurrentVersion { get; }
}
