namespace WriteBehind.Common;

/// <summary>Tasks that go on after those who waited for them have gone.</summary>
internal static class AbandonedTask
{
    /// <summary>
    /// The task itself. To be called before a wait that can be given up (<c>await load.MayBeAbandoned().WaitAsync(cancellationToken)</c>):
    /// if the task fails after that, nobody else looks at its error, and that is no reason for
    /// <see cref="TaskScheduler.UnobservedTaskException"/>.
    /// </summary>
    public static TTask MayBeAbandoned<TTask>(this TTask task)
        where TTask : Task
    {
        if (!task.IsCompleted)
        {
            _ = task.ContinueWith(
                static left => left.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        return task;
    }
}
