using WriteBehind.Buffer;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

public sealed class KillAtEachStepTests
{
    private const int Killed = 128 + 9;
    private const int All = SuicidalEngine.Entities;

    /// <summary>What the recovering process has to do after a kill at each step: rows it applies, rows it finds already there.</summary>
    private static readonly Dictionary<ProtocolStep, (long Applied, long AlreadyThere)> Recovery = new()
    {
        [ProtocolStep.BeforeWrite] = (0, 0),
        [ProtocolStep.Written] = (1, 0),
        [ProtocolStep.BeforeClaim] = (All, 0),
        [ProtocolStep.Claimed] = (All, 0),
        [ProtocolStep.Saved] = (0, All),
        [ProtocolStep.BeforeSettle] = (0, All),
        [ProtocolStep.Settled] = (0, 0),
    };

    public static TheoryData<string> Steps => [.. Enum.GetNames<ProtocolStep>()];

    internal static void ShortLease(EntityTypeOptions<Item> item)
        => (item.Lease, item.StatementTimeout) = (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1));

    // redisson/redisson#2388, redisson/redisson#3768
    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_kill_at_any_step_loses_nothing_and_what_was_saved_is_saved_once(string step)
    {
        await using var recovering = await TestEngine.StartAsync(new() { Item = ShortLease });
        await VersionWatch.AttachAsync(recovering.Table);
        await using var child = ChildEngine.Start<SuicidalEngine>(recovering.Options, step);
        Assert.Equal(Killed, await child.WaitForExitAsync());
        Assert.DoesNotContain("survived", child.Output);
        var writes = new AcknowledgedWrites();
        writes.Read(child.Output);
        Assert.True(writes.Count >= All);

        var report = await recovering.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));

        Assert.True(report.IsClean);
        writes.AssertEqual(await recovering.Table.RowsAsync());
        await VersionWatch.AssertNoFallAsync(recovering.Table);
        var counters = (await recovering.StatusAsync()).Counters;
        Assert.Equal(Recovery[Enum.Parse<ProtocolStep>(step)], (counters.RowsApplied, counters.NoOps));
    }
}
