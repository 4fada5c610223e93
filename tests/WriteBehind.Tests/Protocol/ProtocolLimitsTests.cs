namespace WriteBehind.Tests.Protocol;

/// <summary>
/// What the protocol does not promise, as it would take two rare things at once, and what it would take: Redis comes back empty or as it
/// was before in the middle of a save, or somebody sleeps for longer than the fence of a tombstone lasts.
/// </summary>
public sealed class ProtocolLimitsTests
{
    [Fact]
    public void A_save_under_way_when_Redis_comes_back_empty_can_be_taken_for_a_new_write_of_its_version()
        => ProtocolPartsTests.Breaks(
            new() { WipeMayMeetFlush = true, SettleChecksWrite = false },
            Promises.CleanIsSaved,
            "flusher 1 claims", "Redis comes back empty", "writer 1 reads the row", "writer 1 puts",
            "flusher 1 saves", "flusher 1 settles");

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Against_that_it_takes_both_a_lease_of_quarantine_and_a_settle_that_checks_the_write(bool quarantine, bool settle)
    {
        var both = new ProtocolRules { WipeMayMeetFlush = true, Quarantine = true, SettleChecksWrite = true, TellingIsEnough = true };
        Assert.Null(Explorer.Explore(both).Broken);
        Assert.Equal(Promises.CleanIsSaved, Explorer.Explore(both with { Quarantine = quarantine, SettleChecksWrite = settle }).Broken);
    }

    [Fact]
    public void So_can_one_under_way_when_Redis_goes_back_bring_back_what_is_deleted_afterwards()
        => ProtocolPartsTests.Breaks(
            new() { RedisMayGoBack = true, GoingBackMayMeetFlush = true, TellingIsEnough = true, Writes = 2 },
            Promises.CleanIsSaved,
            "flusher 1 claims", "Redis goes back to its copy", "writer 1 deletes", "flusher 2 saves", "flusher 1 saves",
            "flusher 2 settles");

    [Fact]
    public void After_the_fence_of_a_tombstone_an_equal_version_can_be_another_one()
        => ProtocolPartsTests.Breaks(
            new() { TombstoneFencesEnd = true },
            Promises.StaleIsTold,
            "writer 1 deletes", "flusher 1 settles", "time passes", "writer 1 reads Redis",
            "time passes", "writer 2 puts", "writer 1 puts");

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Against_that_it_takes_both_fences_that_outlive_knowledge_and_a_settle_that_checks_the_write(bool fences, bool settle)
    {
        var both = new ProtocolRules { TombstoneFencesEnd = true, FencesOutliveKnowledge = true, SettleChecksWrite = true };
        Assert.Null(Explorer.Explore(both).Broken);
        Assert.NotNull(Explorer.Explore(both with { FencesOutliveKnowledge = fences, SettleChecksWrite = settle }).Broken);
    }
}
