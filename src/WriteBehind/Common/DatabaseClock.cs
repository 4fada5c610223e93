using System.Runtime.CompilerServices;

namespace WriteBehind.Common;

/// <summary>
/// The database's clock, asked at most once a minute, and the deadlines by it. A deadline must be worked out from a reading that was taken
/// before the lease: then it never lies after the lease's end, even if this process sleeps at any point in between.
/// </summary>
internal sealed class DatabaseClock(Func<CancellationToken, Task<SinkClock>> read, TimeProvider time)
{
    /// <summary>How old a reading may be: bounds what drift between two clocks can add up to.</summary>
    private static readonly TimeSpan LongestAge = TimeSpan.FromMinutes(1);

    /// <summary>Read and replaced by reference: concurrent callers must not see the half of one reading with the half of another.</summary>
    private StrongBox<SinkClock>? _last;

    /// <summary>A reading, taken before the call or during it. Fails as the database fails.</summary>
    public async Task<SinkClock> ReadAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _last) is { } last && time.GetElapsedTime(last.Value.ReceivedAt) < LongestAge)
        {
            return last.Value;
        }

        var clock = await read(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _last, new StrongBox<SinkClock>(clock));
        return clock;
    }

    /// <summary>Asks again next time: an outage makes it meet another server, perhaps, with another clock.</summary>
    public void Forget() => Volatile.Write(ref _last, null);

    /// <summary>By the database's clock, until when a lease that is taken after this call may be used.</summary>
    public DateTimeOffset DeadlineFrom(SinkClock clock, TimeSpan lease)
        => clock.At + time.GetElapsedTime(clock.ReceivedAt) + UsableOf(lease);

    /// <summary>A lease less a sixth, for the difference that the two clocks' speeds may make meanwhile and for the commit.</summary>
    public static TimeSpan UsableOf(TimeSpan lease) => lease * 5 / 6;
}
