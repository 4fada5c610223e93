namespace Orleans.Benchmarks.Grains;

public interface IRowProductGrain : IProductGrain;
