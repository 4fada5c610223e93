namespace WriteBehind;

// Tasks that go on when those who wait for them have gone. Compiled into each assembly that uses it, and so without XML comments: what
// ASP.NET Core generates for OpenAPI takes the comments of all assemblies together, and ends at the second of the same member.
internal static class LeftTasks
{
    // The task itself. To be called before a wait that can be given up (`await load.MayBeLeft().WaitAsync(cancellationToken)`): should the
    // task fail after that, nobody else looks at its error, and it is no reason for TaskScheduler.UnobservedTaskException.
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
