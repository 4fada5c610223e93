namespace Proof;

/// <summary>The run can't begin as it was asked for. The message is all that the caller needs to see.</summary>
public sealed class UsageException(string message) : Exception(message);
