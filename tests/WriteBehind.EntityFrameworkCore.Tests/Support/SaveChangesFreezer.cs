using Microsoft.EntityFrameworkCore.Diagnostics;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>Freezes SaveChanges, as a pause of the whole process at this point would.</summary>
internal sealed class SaveChangesFreezer : SaveChangesInterceptor
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _thawed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Returns once SaveChanges stands still.</summary>
    public Task ReachedAsync() => _reached.Task;

    /// <summary>Lets it go on.</summary>
    public void Thaw() => _thawed.SetResult();

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        _reached.TrySetResult();
        await _thawed.Task;
        return result;
    }
}
