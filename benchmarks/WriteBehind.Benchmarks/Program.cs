using WriteBehind.Benchmarks;
using WriteBehind.Benchmarks.Recovery;

// What runs where the packages of Orleans can't be restored. benchmarks/Orleans.Benchmarks runs these groups and those it adds.
return await BenchmarkProgram.RunAsync(
    args,
    EngineGroups.Create(EngineRecovery.Kind),
    leftOut: ["1 Acknowledged writes", "2 One hot entity", "6 Recovery of a silo (an engine is recovered instead)", "8 Cost of a grain"],
    EngineRecovery.StartAsync);
