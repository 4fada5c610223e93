namespace WriteBehind.TestTools;

/// <summary>
/// The one place of the tests where time is let pass. Tests wait for conditions (<see cref="Eventually"/>); only polling and
/// injected slowness (<see cref="TcpProxy"/>, <see cref="Gate"/>) come here.
/// </summary>
internal static class Pause
{
    public static Task ForAsync(TimeSpan time, CancellationToken cancellationToken = default)
        => time > TimeSpan.Zero ? Task.Delay(time, cancellationToken) : Task.CompletedTask;
}
