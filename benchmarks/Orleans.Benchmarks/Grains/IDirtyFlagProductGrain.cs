namespace Orleans.Benchmarks.Grains;

public interface IDirtyFlagProductGrain : IProductGrain;
