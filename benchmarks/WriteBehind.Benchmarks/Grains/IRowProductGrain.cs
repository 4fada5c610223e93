namespace WriteBehind.Benchmarks.Grains;

public interface IRowProductGrain : IProductGrain;
