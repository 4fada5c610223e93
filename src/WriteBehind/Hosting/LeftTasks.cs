namespace WriteBehind;

/// <summary>Tasks that go on when those who wait for them have gone.</summary>
internal static class LeftTasks
{
    /// <summary>
    /// The task itself. To be called before a wait that can be given up: should the task fail after that, nobody else looks at its error,
    /// and it is no reason for <see cref="TaskScheduler.UnobservedTaskException"/>.
    /// </summary>
    /// <example><c>await load.MayBeLeft().WaitAsync(cancellationToken)</c></example>
    public static TTask MayBeLeft<TTask>(this TTask task)
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
