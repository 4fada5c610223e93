namespace WriteBehind.EntityFrameworkCore.Tests.Caching;

/// <summary>A clock that stands still until it is put forward.</summary>
internal sealed class BeatTime : TimeProvider
{
    private long _now;

    public void Pass(TimeSpan time) => Interlocked.Add(ref _now, (long)(time.TotalSeconds * TimestampFrequency));

    public override long GetTimestamp() => Volatile.Read(ref _now);
}
