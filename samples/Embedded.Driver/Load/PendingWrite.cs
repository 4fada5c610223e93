using Proof.Load;

namespace Embedded.Driver.Load;

/// <summary>A write whose caller waits.</summary>
internal sealed class PendingWrite(MovementMessage message)
{
    public MovementMessage Message => message;

    public TaskCompletionSource<WriteAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
