namespace Orleans.WriteBehind.Grains;

/// <summary>The calls that share one save.</summary>
internal sealed class SaveGroup
{
    private readonly TaskCompletionSource _saved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<long> _waitingSince = [];

    /// <summary>Completes as the save does.</summary>
    public Task Task => _saved.Task;

    /// <summary>When each of them asked for it.</summary>
    public IReadOnlyList<long> WaitingSince => _waitingSince;

    public void Join(long now) => _waitingSince.Add(now);

    public void Acknowledge() => _saved.SetResult();

    public void Fail(Exception failure)
    {
        _saved.SetException(failure);

        // Nobody need wait for a save; an error that nobody waits for is no reason for an unobserved-exception event.
        _ = _saved.Task.Exception;
    }
}
