using WriteBehind.Buffer;

namespace WriteBehind.Tests.ModelBased;

/// <summary>Holds a flusher where it has claimed, and again where it has saved.</summary>
internal sealed class StepGate(Stepper stepper) : IProtocolGate
{
    public async ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (step is ProtocolStep.Claimed or ProtocolStep.BeforeSettle)
        {
            await stepper.HoldAsync(step.ToString());
        }
    }
}
