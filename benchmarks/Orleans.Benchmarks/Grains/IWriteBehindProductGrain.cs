namespace Orleans.Benchmarks.Grains;

public interface IWriteBehindProductGrain : IProductGrain;
