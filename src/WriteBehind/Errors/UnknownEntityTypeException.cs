namespace WriteBehind;

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
