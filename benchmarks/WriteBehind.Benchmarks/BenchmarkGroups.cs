using WriteBehind.Benchmarks.Groups;

namespace WriteBehind.Benchmarks;

/// <summary>The groups there are. A new group is a class and a line here.</summary>
internal static class BenchmarkGroups
{
    public static IReadOnlyList<IBenchmarkGroup> All { get; } =
    [
        new GrainWritesGroup(),
        new HotGrainGroup(),
        new EngineWritesGroup(),
        new FlushGroup(),
        new DirtyToCleanGroup(),
        new RecoveryGroup(),
        new CoalescingGroup(),
        new GrainCostGroup(),
        new MicroGroup(),
        new CachingGroup(),
        new ClusterGroup(),
        new OperationsGroup(),
    ];
}
