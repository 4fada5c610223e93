namespace WriteBehind;

/// <summary>A state could not be turned into a payload, or a stored payload not into a state.</summary>
public sealed class PayloadException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public PayloadException(PayloadProblem problem, string message, string entityType, string? entityId, Exception? cause = null)
        : base(message, entityType, entityId, cause)
        => Problem = problem;

    /// <summary>What is wrong with it.</summary>
    public PayloadProblem Problem { get; }
}
