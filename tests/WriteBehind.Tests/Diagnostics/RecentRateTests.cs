using WriteBehind.Common;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Diagnostics;

public sealed class RecentRateTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();

    [Fact]
    public void A_rate_is_the_mean_of_the_last_full_seconds_and_forgets_what_was_before_them()
    {
        var rate = new RecentRate(_time);
        for (var second = 1; second <= 20; second++)
        {
            Add(rate, second);
            _time.Pass(Second);
        }

        Assert.Equal((16 + 17 + 18 + 19 + 20) / 5.0, rate.PerSecond);
        _time.Pass(3 * Second);
        Assert.Equal((19 + 20) / 5.0, rate.PerSecond);
        _time.Pass(2 * Second);
        Assert.Equal(0, rate.PerSecond);
    }

    [Fact]
    public void A_second_that_is_not_over_does_not_count_and_a_young_process_is_judged_by_its_full_seconds()
    {
        var rate = new RecentRate(_time);
        Add(rate, 8);
        Assert.Equal(0, rate.PerSecond);
        _time.Pass(Second);
        Add(rate, 100);
        Assert.Equal(8, rate.PerSecond);
        _time.Pass(Second);
        Assert.Equal(54, rate.PerSecond);
    }

    [Fact]
    public async Task Nothing_is_lost_where_many_begin_a_second_at_once()
    {
        var rate = new RecentRate(_time);
        for (var second = 0; second < 10; second++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Add(rate, 500))));
            _time.Pass(Second);
        }

        Assert.Equal(4_000, rate.PerSecond);
    }

    private static void Add(RecentRate rate, int times)
    {
        for (var i = 0; i < times; i++)
        {
            rate.Add();
        }
    }
}
