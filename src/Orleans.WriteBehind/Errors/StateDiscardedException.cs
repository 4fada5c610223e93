using WriteBehind;

namespace Orleans.WriteBehind;

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
            $"The state of {entityType} '{entityId}' that this call worked on was given up, because another call's save failed meanwhile. " +
            (changesSaved ? "What this call saved before is saved, but its answer is not to be trusted; look again." : "Nothing this call changed was saved; repeat it."),
            entityType,
            entityId,
            cause)
        => ChangesSaved = changesSaved;

    /// <summary>Whether a save of this call was acknowledged before, so that repeating the call would repeat that change.</summary>
    public bool ChangesSaved { get; }
}
