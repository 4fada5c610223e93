namespace Orleans.Benchmarks.Grains;

public interface IReentrantRedisProductGrain : IProductGrain;
