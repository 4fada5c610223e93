namespace WriteBehind.Tests.Support;

/// <summary>Load at a steady pace. (What tests wait for, they poll; this is for what they do.)</summary>
internal static class Paced
{
    /// <summary>
    /// Runs an action at each tick, without waiting for the one before to end, until the token is cancelled; then waits for all.
    /// </summary>
    public static async Task RunAsync(TimeSpan period, Func<int, Task> action, CancellationToken until)
    {
        using var timer = new PeriodicTimer(period);
        var running = new List<Task>();
        for (var tick = 0; !until.IsCancellationRequested; tick++)
        {
            running.Add(action(tick));
            running.RemoveAll(static task => task.IsCompletedSuccessfully);
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        await Task.WhenAll(running);
    }
}
