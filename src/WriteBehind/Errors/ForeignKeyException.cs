namespace WriteBehind;

/// <summary>A key of this library in Redis holds something that this library did not put there. It is left as it is.</summary>
public sealed class ForeignKeyException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public ForeignKeyException(string key, string problem, string entityType, string? entityId = null, Exception? cause = null)
        : base(
            $"The key '{key}' in Redis holds something that is not of this library ({problem}). Look who wrote it there, and delete or rename it.",
            entityType,
            entityId,
            cause)
        => (Key, Problem) = (key, problem);

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>What is wrong with it, in Redis' words.</summary>
    public string Problem { get; }
}
