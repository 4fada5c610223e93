using Microsoft.Extensions.Logging.Abstractions;
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
}
