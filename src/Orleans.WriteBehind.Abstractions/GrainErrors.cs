using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>
/// Stands for the cause of an error that came over the wire, where its type (of StackExchange.Redis, of Npgsql) is not known on
/// this side: it keeps the type's name, the message and the causes behind it.
/// </summary>
public sealed class RemoteCauseException : Exception
{
    /// <summary>Creates the error.</summary>
    public RemoteCauseException(string typeName, string message, Exception? cause = null)
        : base(message, cause)
        => TypeName = typeName;

    /// <summary>The full name of the original's type.</summary>
    public string TypeName { get => this.Fact<string>()!; private init => this.Keep(value); }
}

/// <summary>
/// The state this call was working on was given up, because a save of the activation failed meanwhile, and has been loaded anew.
/// <see cref="ChangesSaved"/> says whether a change of this call is saved all the same; otherwise the call can be repeated. The failure
/// is the inner exception.
/// </summary>
public sealed class StateDiscardedException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public StateDiscardedException(string entityType, string entityId, Exception? cause = null, bool changesSaved = false)
        : base(
            $"The state of {entityType} '{entityId}' that this call worked on was given up, because another call's save failed " +
            "meanwhile. " +
            (changesSaved
                ? "What this call saved before is saved, but its answer is not to be trusted; look again."
                : "Nothing this call changed was saved; repeat it."),
            entityType,
            entityId,
            cause)
        => ChangesSaved = changesSaved;

    /// <summary>Whether a save of this call was acknowledged before, so that repeating the call would repeat that change.</summary>
    public bool ChangesSaved { get => this.Fact<bool>(); private init => this.Keep(value); }
}
