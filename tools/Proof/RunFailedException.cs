namespace Proof;

/// <summary>The run began and could not be brought to its end. The message is all that the caller needs to see.</summary>
public sealed class RunFailedException(string message, Exception? cause = null) : Exception(message, cause);
