using WriteBehind.TestTools;

namespace WriteBehind.Tests.ModelBased;

/// <summary>Runs something from one hold to the next. What is never let go on has crashed: nothing of it happens any more.</summary>
internal sealed class Stepper
{
    private TaskCompletionSource _held = New();
    private TaskCompletionSource _goOn = New();
    private Task? _work;

    /// <summary>Where it is held.</summary>
    public string? HeldAt { get; private set; }

    /// <summary>Whether something is under way.</summary>
    public bool IsActive => _work is not null;

    /// <summary>Called by what runs: waits here until it is told to go on.</summary>
    public async Task HoldAsync(string place)
    {
        var goOn = _goOn = New();
        HeldAt = place;
        _held.TrySetResult();
        await goOn.Task;
    }

    /// <summary>Begins, up to the first hold.</summary>
    /// <returns>Whether it ended before.</returns>
    public Task<bool> BeginAsync(Func<Task> work)
    {
        _held = New();
        _work = work();
        return AdvanceAsync(_work);
    }

    /// <summary>Goes on to the next hold.</summary>
    /// <returns>Whether it ended before.</returns>
    public Task<bool> GoOnAsync()
    {
        var work = _work ?? throw new InvalidOperationException("Nothing is under way.");
        _held = New();
        HeldAt = null;
        _goOn.SetResult();
        return AdvanceAsync(work);
    }

    private async Task<bool> AdvanceAsync(Task work)
    {
        if (await Task.WhenAny(work, _held.Task).WaitAsync(Eventually.DefaultDeadline) != work)
        {
            return false;
        }

        _work = null;
        await work;
        return true;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
