namespace WriteBehind.States;

/// <summary>A stored state has a member that this process does not know, so writing it again would lose that.</summary>
internal sealed class UnknownMemberException(Exception cause) : Exception(cause.Message, cause);
