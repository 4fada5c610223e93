using System.Globalization;
using WriteBehind.Flushing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Poison;

public sealed class RetryLedgerTests
{
    private const int DeadRemembered = 1_000;

    [Fact]
    public void The_memory_of_rejected_entities_is_bounded_and_what_does_not_fit_is_set_aside_at_once()
    {
        var ledger = new RetryLedger(maxAttempts: 5, TimeSpan.FromSeconds(1), TimeProvider.System);
        for (var i = 0; i < RetryLedger.Capacity; i++)
        {
            Assert.False(ledger.Reject(i.ToString(CultureInfo.InvariantCulture)).IsLast);
        }

        Assert.True(ledger.Reject("one more").IsLast);
        Assert.False(ledger.IsSuspect("one more"));
        Assert.False(ledger.Reject("0").IsLast);
        ledger.Forget("0");
        Assert.False(ledger.Reject("one more").IsLast);
    }

    [Fact]
    public void A_dead_letter_that_is_written_anew_has_all_its_tries_but_stays_a_suspect()
    {
        var ledger = new RetryLedger(maxAttempts: 2, TimeSpan.FromHours(1), TimeProvider.System);
        Assert.Equal((1, false), Attempt(ledger, "a"));
        Assert.Equal((2, true), Attempt(ledger, "a"));

        ledger.Revive("a");

        Assert.True(ledger.IsSuspect("a"));
        Assert.False(ledger.MustWait("a"));
        Assert.Equal((1, false), Attempt(ledger, "a"));
        Assert.True(ledger.MustWait("a"));
        ledger.Forget("a");
        Assert.False(ledger.IsSuspect("a"));
    }

    [Fact]
    public void Only_the_latest_dead_letters_stay_suspects()
    {
        var ledger = new RetryLedger(maxAttempts: 1, TimeSpan.FromSeconds(1), TimeProvider.System);
        for (var i = 0; i <= DeadRemembered; i++)
        {
            Assert.True(ledger.Reject(i.ToString(CultureInfo.InvariantCulture)).IsLast);
        }

        Assert.False(ledger.IsSuspect("0"));
        Assert.True(ledger.IsSuspect("1"));
    }

    [Fact]
    public void Those_that_another_process_saved_or_set_aside_are_forgotten_where_room_is_needed()
    {
        var time = new ManualTime();
        var ledger = new RetryLedger(maxAttempts: 5, TimeSpan.FromSeconds(1), time);
        for (var i = 0; i < RetryLedger.Capacity; i++)
        {
            Assert.False(ledger.Reject(i.ToString(CultureInfo.InvariantCulture)).IsLast);
        }

        Assert.True(ledger.Reject("one more").IsLast);
        time.Pass(TimeSpan.FromSeconds(50));
        Assert.Equal(2, ledger.Reject("0").Attempts);
        time.Pass(TimeSpan.FromSeconds(50));

        Assert.False(ledger.Reject("one more").IsLast);
        Assert.False(ledger.IsSuspect("1"));
        Assert.True(ledger.IsSuspect("0"));
    }

    [Fact]
    public void One_that_another_process_set_aside_is_remembered_as_a_dead_letter_only()
    {
        var ledger = new RetryLedger(maxAttempts: 5, TimeSpan.FromHours(1), TimeProvider.System);
        ledger.Reject("a");

        ledger.Bury("a");
        ledger.Bury("never rejected");

        Assert.True(ledger.IsSuspect("a"));
        Assert.False(ledger.MustWait("a"));
        Assert.Equal((1, false), Attempt(ledger, "a"));
        Assert.False(ledger.IsSuspect("never rejected"));
    }

    [Fact]
    public void One_that_failed_is_alone_with_it_once_others_have_passed_and_not_while_all_fail()
    {
        var ledger = new RetryLedger(maxAttempts: 5, TimeSpan.FromHours(1), TimeProvider.System);
        ledger.Postpone("a", "42P01");
        Assert.False(ledger.IsAlone("a", "42P01"));
        Assert.False(ledger.OthersPassed("a"));

        ledger.NotePass();

        Assert.True(ledger.OthersPassed("a"));
        Assert.True(ledger.IsAlone("a", "42P01"));
        Assert.False(ledger.IsAlone("a", "55000"));
        Assert.False(ledger.IsAlone("b", "42P01"));
        ledger.NoteRefusal("42P01");
        Assert.True(ledger.IsOfAll("42P01"));
        Assert.False(ledger.IsAlone("a", "42P01"));
        ledger.NotePass();
        Assert.True(ledger.IsAlone("a", "42P01"));

        // What passes while it is being tried counts, though nothing had failed by then.
        var began = ledger.Passes;
        ledger.NotePass();
        ledger.Postpone("beside", "42P01", began);
        Assert.True(ledger.IsAlone("beside", "42P01"));
    }

    [Fact]
    public void One_that_waits_for_others_is_given_up_only_when_both_its_tries_and_its_patience_are_over()
    {
        var time = new ManualTime();
        var ledger = new RetryLedger(maxAttempts: 2, TimeSpan.FromSeconds(1), time);
        var patience = TimeSpan.FromSeconds(30);
        Assert.False(ledger.Reject("a", "23503", patience).IsLast);
        Assert.False(ledger.Reject("a", "23503", patience).IsLast);
        Assert.False(ledger.Reject("a", "23503", patience).IsLast);
        Assert.True(ledger.WaitsForOthers("a"));
        time.Pass(patience);
        Assert.Equal((4, true), (ledger.Reject("a", "23503", patience) is var (attempts, _, isLast) ? (attempts, isLast) : default));
    }

    private static (int Attempts, bool IsLast) Attempt(RetryLedger ledger, string id)
    {
        var (attempts, _, isLast) = ledger.Reject(id);
        return (attempts, isLast);
    }
}
