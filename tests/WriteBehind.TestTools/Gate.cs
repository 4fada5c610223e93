using WriteBehind.Buffer;

namespace WriteBehind.TestTools;

/// <summary>
/// A protocol gate that tests steer: it can hold a batch at a step, fail it or slow it down. Arm it before the act. Of several
/// rules that fit, the one armed first goes first.
/// </summary>
internal sealed class Gate : IProtocolGate
{
    private readonly Lock _lock = new();
    private readonly List<GateRule> _rules = [];
    private readonly Dictionary<ProtocolStep, int> _reached = [];

    /// <summary>Holds the next batch (or the next <paramref name="times"/> batches) at a step until they are released.</summary>
    /// <param name="step">The step.</param>
    /// <param name="times">How many batches are held.</param>
    /// <param name="id">Only batches with this entity; null for all.</param>
    public HeldStep HoldAt(ProtocolStep step, int times = 1, string? id = null)
    {
        var held = new HeldStep(step);
        Arm(step, times, id, held.HoldAsync);
        return held;
    }

    /// <summary>Throws at a step, instead of the next <paramref name="times"/> batches going on.</summary>
    public void FailAt(ProtocolStep step, Exception error, int times = 1, string? id = null)
        => Arm(step, times, id, (_, _) => throw error);

    /// <summary>Slows the next <paramref name="times"/> batches down at a step.</summary>
    public void DelayAt(ProtocolStep step, TimeSpan delay, int times = 1, string? id = null)
        => Arm(step, times, id, (_, cancellationToken) => Pause.ForAsync(delay, cancellationToken));

    /// <summary>Runs something at a step, while the batch waits: a write that comes in between, for example.</summary>
    public void RunAt(ProtocolStep step, Func<Task> action, int times = 1, string? id = null)
        => Arm(step, times, id, (_, _) => action());

    /// <summary>How many batches have reached a step.</summary>
    public int CountOf(ProtocolStep step)
    {
        lock (_lock)
        {
            return _reached.GetValueOrDefault(step);
        }
    }

    /// <inheritdoc />
    public async ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (Take(step, ids) is { } rule)
        {
            await rule.Action(ids, cancellationToken);
        }
    }

    private void Arm(ProtocolStep step, int times, string? id, Func<IReadOnlyList<string>, CancellationToken, Task> action)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(times);
        lock (_lock)
        {
            _rules.Add(new GateRule(step, id, action) { Left = times });
        }
    }

    private GateRule? Take(ProtocolStep step, IReadOnlyList<string> ids)
    {
        lock (_lock)
        {
            _reached[step] = _reached.GetValueOrDefault(step) + 1;
            var rule = _rules.Find(rule => rule.Step == step && (rule.Id is null || ids.Contains(rule.Id)));
            if (rule is not null && --rule.Left == 0)
            {
                _rules.Remove(rule);
            }

            return rule;
        }
    }

    private sealed record GateRule(ProtocolStep Step, string? Id, Func<IReadOnlyList<string>, CancellationToken, Task> Action)
    {
        public int Left { get; set; }
    }
}
