namespace WriteBehind.Gates;

/// <summary>
/// Called at each step of the protocol. Tests use it to hold, fail or kill a process at an exact point; the default does nothing.
/// Register one to test your own recovery.
/// </summary>
public interface IProtocolGate
{
    /// <summary>Called when a batch reaches a step. An exception is treated as a failure of that step.</summary>
    ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken);
}
