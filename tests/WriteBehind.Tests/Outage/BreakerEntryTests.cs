using WriteBehind.Flushing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Outage;

/// <summary>Batches that were let in before an outage end during it, or after it.</summary>
public sealed class BreakerEntryTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly CircuitBreaker _breaker;

    public BreakerEntryTests() => _breaker = new CircuitBreaker(Pause, Pause, _time);

    [Fact]
    public void A_batch_from_before_the_outage_does_not_close_the_breaker()
    {
        var early = Enter();
        _breaker.Fail(Enter(), "away");

        _breaker.Succeed(early);

        Assert.Equal((BreakerState.Open, "away"), (_breaker.State, _breaker.LastError));
        Assert.False(_breaker.TryEnter(out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_batch_from_before_the_outage_that_ends_lets_no_second_probe_in(bool fails)
    {
        var early = Enter();
        _breaker.Fail(Enter(), "away");
        _time.Pass(Pause);
        var probe = Enter();
        Assert.True(probe.IsProbe);

        if (fails)
        {
            _breaker.Fail(early, "too late");
        }
        else
        {
            _breaker.Leave(early);
        }

        Assert.Equal(BreakerState.HalfOpen, _breaker.State);
        Assert.False(_breaker.TryEnter(out _));
        _breaker.Succeed(probe);
        Assert.Equal((BreakerState.Closed, null), (_breaker.State, _breaker.LastError));
    }

    [Fact]
    public void A_batch_from_before_the_outage_that_fails_after_it_does_not_open_the_breaker_again()
    {
        var early = Enter();
        _breaker.Fail(Enter(), "away");
        _time.Pass(Pause);
        _breaker.Succeed(Enter());

        _breaker.Fail(early, "too late");

        Assert.Equal(BreakerState.Closed, _breaker.State);
        _breaker.Fail(Enter(), "away again");
        Assert.Equal(BreakerState.Open, _breaker.State);
    }

    [Fact]
    public void A_probe_that_learned_nothing_makes_room_for_another_one()
    {
        _breaker.Fail(Enter(), "away");
        _time.Pass(Pause);

        _breaker.Leave(Enter());

        Assert.True(Enter().IsProbe);
    }

    private BreakerEntry Enter()
    {
        Assert.True(_breaker.TryEnter(out var entry));
        return entry;
    }
}
