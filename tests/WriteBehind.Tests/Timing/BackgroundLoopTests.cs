using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.Common;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

public sealed class BackgroundLoopTests
{
    [Fact]
    public async Task A_loop_shows_since_when_its_round_is_under_way_from_the_first_one_on()
    {
        var hold = new TaskCompletionSource();
        await using var loop = new BackgroundLoop(
            "test",
            async _ =>
            {
                await hold.Task;
                return TimeSpan.FromHours(1);
            },
            TimeProvider.System,
            NullLogger.Instance);
        Assert.Null(loop.Status.RoundStartedAt);

        loop.Start();
        await Eventually.TrueAsync(() => Task.FromResult(loop.Status.RoundStartedAt is not null));
        Assert.Null(loop.Status.LastCompletedAt);

        hold.SetResult();
        await Eventually.TrueAsync(() => Task.FromResult(loop.Status.RoundStartedAt is null));
        Assert.NotNull(loop.Status.LastCompletedAt);
    }

    [Fact]
    public void Loops_that_wait_for_the_next_beat_come_together_whenever_they_asked_and_go_on_together()
    {
        var time = new FakeTimeProvider();
        var beat = TimeSpan.FromSeconds(1);
        time.Advance(time.UntilBeat(beat));
        Assert.Equal(beat, time.UntilBeat(beat));

        time.Advance(beat / 4);
        Assert.Equal(beat * 0.75, time.UntilBeat(beat));

        // One whose timer fired a moment too soon does not go round twice.
        var moment = TimeSpan.FromMilliseconds(1);
        time.Advance((beat * 0.75) - moment);
        Assert.Equal(beat + moment, time.UntilBeat(beat));
    }
}
