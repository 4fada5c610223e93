namespace WriteBehind;

/// <summary>The base of every error this library raises. It names the entity wherever there is one.</summary>
public abstract class WriteBehindException : Exception
{
    /// <summary>Creates the error.</summary>
    protected WriteBehindException(string message, string? entityType = null, string? entityId = null, Exception? cause = null)
        : base(message, cause)
    {
        EntityType = entityType;
        EntityId = entityId;
    }

    /// <summary>The registered type name of the entity concerned, where there is one.</summary>
    public string? EntityType { get; }

    /// <summary>The id of the entity concerned, where there is one.</summary>
    public string? EntityId { get; }
}
