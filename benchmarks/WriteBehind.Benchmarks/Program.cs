using WriteBehind.Benchmarks;

return await BenchmarkProgram.RunAsync(args);
