using WriteBehind.Benchmarks.Groups;

namespace WriteBehind.Benchmarks;

/// <summary>The groups that need no Orleans. A new group is a class and a line here, or in the program of Orleans.Benchmarks.</summary>
public static class EngineGroups
{
    /// <param name="recovered">What group 6 starts anew after the outage, in words.</param>
    public static IReadOnlyList<IBenchmarkGroup> Create(string recovered) =>
    [
        new EngineWritesGroup(),
        new FlushGroup(),
        new DirtyToCleanGroup(),
        new RecoveryGroup(recovered),
        new CoalescingGroup(),
        new MicroGroup(),
        new CachingGroup(),
    ];
}
