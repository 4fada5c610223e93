namespace WriteBehind.Tests.Support;

/// <summary>A clock that stands still until it is put forward.</summary>
internal sealed class ManualTime : TimeProvider
{
    private TimeSpan _passed;

    public void Pass(TimeSpan time) => _passed += time;

    public override long GetTimestamp() => (long)(_passed.TotalSeconds * TimestampFrequency);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _passed;
}
