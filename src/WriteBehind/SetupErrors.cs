namespace WriteBehind;

/// <summary>
/// What is configured contradicts what is found at start-up: another shard count or layout in Redis, a Redis that may lose
/// data where a durable one is required, a table or column that does not exist. The message names the setting and the way out.
/// </summary>
public sealed class ConfigurationException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public ConfigurationException(string setting, string message, string? entityType = null, Exception? cause = null)
        : base(message, entityType, null, cause)
        => Setting = setting;

    /// <summary>The setting concerned.</summary>
    public string Setting { get; }
}

/// <summary>A key of this library in Redis holds something that this library did not put there. It is left as it is.</summary>
public sealed class UnexpectedKeyException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public UnexpectedKeyException(string key, string problem, string entityType, string? entityId = null, Exception? cause = null)
        : base(
            $"The key '{key}' in Redis holds something that this library did not write ({problem}). Look who wrote it there, and delete " +
            "or rename it.",
            entityType,
            entityId,
            cause)
        => (Key, Problem) = (key, problem);

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>What is wrong with it, in Redis' words.</summary>
    public string Problem { get; }
}

/// <summary>No entity type of that name (or of that state type) is registered.</summary>
public sealed class UnknownEntityTypeException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public UnknownEntityTypeException(string entityType, IEnumerable<string> known)
        : this(entityType, [.. known])
    {
    }

    private UnknownEntityTypeException(string entityType, string[] known)
        : base(
            $"No entity type '{entityType}' is registered. Register it with AddEntity<TState>(\"{entityType}\"); registered are: " +
            $"{string.Join(", ", known)}.",
            entityType)
        => Known = known;

    /// <summary>The names that are registered.</summary>
    public IReadOnlyList<string> Known { get; }
}
