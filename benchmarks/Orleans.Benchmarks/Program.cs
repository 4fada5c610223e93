using Orleans.Benchmarks.Groups;
using Orleans.Benchmarks.Silo;
using WriteBehind.Benchmarks;

// All groups: those of the engine, and those in which grains are called.
return await BenchmarkProgram.RunAsync(
    args,
    [.. EngineGroups.Create(SiloRecovery.Kind)
        .Concat([new GrainWritesGroup(), new HotGrainGroup(), new GrainCostGroup()])
        .OrderBy(group => group.Number)],
    leftOut: [],
    SiloRecovery.StartAsync);
