using WriteBehind.Buffer;

namespace WriteBehind.Tests.ModelBased;

/// <summary>Makes trouble with a process' next write, and lets something happen before it is sent again.</summary>
internal sealed class TroubleGate : IProtocolGate
{
    private Trouble _trouble;
    private Func<Task>? _meanwhile;
    private int _sent;

    public void Arm(Trouble trouble, Func<Task> meanwhile) => (_trouble, _meanwhile, _sent) = (trouble, meanwhile, 0);

    public async ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (_trouble == Trouble.None)
        {
            return;
        }

        switch (step)
        {
            case ProtocolStep.BeforeWrite when ++_sent == 1 && _trouble != Trouble.AnswerLost:
                throw new BufferUnavailableException("Redis is away (test).", outcomeUnknown: _trouble == Trouble.HeldUp);
            case ProtocolStep.BeforeWrite when _sent == 2:
                await _meanwhile!();
                break;
            case ProtocolStep.Written when _sent == 1:
                throw new BufferUnavailableException("The answer is lost (test).", outcomeUnknown: true);
        }
    }
}
