using Chaos.Checks;
using Chaos.Histories;
using static Chaos.Tests.Called;

namespace Chaos.Tests;

public sealed class OtherCheckTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(10, true)]
    [InlineData(13, true)]
    [InlineData(15, true)]
    [InlineData(18, true)]
    [InlineData(9, false)]
    [InlineData(12, false)]
    [InlineData(19, false)]
    public void A_counter_has_what_was_acknowledged_and_some_of_what_is_unknown(long row, bool isRight)
    {
        Event[] adds =
        [
            Ok(Operations.Add, "10", 0, 10), Unknown(Operations.Add, "3", 0), Unknown(Operations.Add, "5", 0),
            Failed(Operations.Add, "1", 0, 1),
        ];

        Assert.Equal(isRight, !SumCheck.Run("k", adds, row, Losses.None).Any());
    }

    [Theory]
    [InlineData(17, true)]
    [InlineData(10, false)]
    [InlineData(24, false)]
    public void A_call_that_was_repeated_under_a_key_counts_once(long row, bool isRight)
    {
        Event[] adds =
        [
            Ok(Operations.Add, "10", 0, 10, "1"), Unknown(Operations.AddOnce, "7/a", 20), Failed(Operations.AddOnce, "7/a", 30, 40),
            Ok(Operations.AddOnce, "7/a", 50, 60, "2"), Ok(Operations.AddOnce, "7/a", 70, 80, "2"),
            Failed(Operations.AddOnce, "5/b", 0, 10),
        ];

        Assert.Equal(isRight, !SumCheck.Run("k", adds, row, Losses.None).Any());
    }

    [Fact]
    public void What_a_counter_is_told_to_have_only_grows()
    {
        Event[] right =
        [
            Ok(Operations.Add, "1", 0, 10, "1"), Ok(Operations.Add, "1", 20, 30, "2"), Ok(Operations.ReadSum, "", 40, 50, "2"),
        ];

        Assert.Empty(SumCheck.Counts("k", right, 2));
        Assert.NotEmpty(SumCheck.Counts("k", right, 1));
        Assert.NotEmpty(SumCheck.Counts("k", [.. right, Ok(Operations.ReadSum, "", 60, 70, "1")], 2));
        Assert.NotEmpty(SumCheck.Counts("k", [.. right, Ok(Operations.Add, "1", 60, 70, "2")], 3));
    }

    [Fact]
    public void Versions_that_grow_are_accepted_also_over_a_delete()
        => Assert.Empty(AuditCheck.Run(
        [
            new("t", "a", null, 1), new("t", "a", 1, 4), new("t", "a", 4, null), new("t", "a", null, 6), new("t", "b", null, 1),
        ], Losses.None));

    [Theory]
    [InlineData(4L, 3L)]
    [InlineData(4L, 4L)]
    public void A_version_that_does_not_grow_is_found(long before, long after)
        => Assert.NotEmpty(AuditCheck.Run([new("t", "a", null, before), new("t", "a", before, after)], Losses.None));

    [Theory]
    [InlineData(1L)]
    [InlineData(2L)]
    public void A_row_that_comes_back_at_the_version_of_its_delete_or_before_is_found(long version)
        => Assert.NotEmpty(AuditCheck.Run([new("t", "a", null, 1), new("t", "a", 1, null), new("t", "a", null, version)], Losses.None));

    [Theory]
    [InlineData(900, true)]
    [InlineData(1100, false)]
    public void More_admissions_than_allowed_in_a_window_are_found(long last, bool isFound)
    {
        Event[] calls =
        [
            Ok(Operations.Acquire, "", 0, 10, "yes"), Ok(Operations.Acquire, "", 300, 310, "yes"),
            Ok(Operations.Acquire, "", 500, 510, "no"), Ok(Operations.Acquire, "", last, last + 10, "yes"),
        ];

        Assert.Equal(isFound, ServiceCheck.Limit(calls, 2, Second, Losses.None).Any());
    }

    [Fact]
    public void A_cached_value_older_than_an_entry_lasts_is_found()
    {
        Assert.Empty(Cache(Read(900, loaded: 0)));
        Assert.NotEmpty(Cache(Read(1100, loaded: 0)));
    }

    [Fact]
    public void What_was_loaded_before_a_removal_is_found_in_the_same_process_at_once_and_in_others_soon()
    {
        var removal = Ok(Operations.RemoveFromCache, "", 100, 110, process: "a");

        Assert.Empty(Cache(removal, Read(120, loaded: 105, "a")));
        Assert.NotEmpty(Cache(removal, Read(120, loaded: 90, "a")));
        Assert.Empty(Cache(removal, Read(150, loaded: 90, "b")));
        Assert.NotEmpty(Cache(removal, Read(350, loaded: 90, "b")));
    }

    [Fact]
    public void A_stop_that_takes_too_long_or_fails_is_found()
    {
        Assert.Empty(ServiceCheck.Stop(new("a", Second, 0), 2 * Second));
        Assert.NotEmpty(ServiceCheck.Stop(new("a", 3 * Second, 0), 2 * Second));
        Assert.NotEmpty(ServiceCheck.Stop(new("a", Second, 134), 2 * Second));
        Assert.NotEmpty(ServiceCheck.Stop(new("a", Second, 134, IsTold: true), 2 * Second));
    }

    [Fact]
    public void A_stop_that_does_not_know_how_much_is_left_is_found_where_it_does_not_say_so()
    {
        Assert.Empty(ServiceCheck.Stop(new("a", Second, 3, IsTold: true), 2 * Second));
        Assert.NotEmpty(ServiceCheck.Stop(new("a", Second, 3), 2 * Second));
    }

    [Fact]
    public void Too_much_memory_and_too_many_connections_are_found()
    {
        Assert.Empty(ServiceCheck.Use(new("a", 100, 10), 100, 10));
        Assert.NotEmpty(ServiceCheck.Use(new("a", 101, 10), 100, 10));
        Assert.NotEmpty(ServiceCheck.Use(new("a", 100, 11), 100, 10));
    }

    private static Event Read(long began, long loaded, string process = "p")
        => Ok(Operations.ReadCache, "", began, began + 1, $"{Ms(loaded)}", process);

    private static IEnumerable<Finding> Cache(params Event[] calls) => ServiceCheck.Cache("k", calls, Second, Second / 5, Losses.None);
}
