namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// A clock that can be put forward for everything at once: for the processes here, for PostgreSQL in <see cref="VirtualSink"/>, and for
/// Redis in <see cref="RedisView.PassAsync"/>. Pauses are cut short.
/// </summary>
internal sealed class VirtualTime : TimeProvider
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(1);

    /// <summary>How far it is ahead of the real time.</summary>
    public TimeSpan Ahead { get; private set; }

    public void Pass(TimeSpan time) => Ahead += time;

    public override long GetTimestamp() => FromReal(base.GetTimestamp());

    /// <summary>What a real timestamp of now is by this clock.</summary>
    public long FromReal(long timestamp) => timestamp + (long)(Ahead.TotalSeconds * TimestampFrequency);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => base.CreateTimer(callback, state, dueTime < LongestPause ? dueTime : LongestPause, period);
}
