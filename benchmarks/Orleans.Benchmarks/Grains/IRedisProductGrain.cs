namespace Orleans.Benchmarks.Grains;

public interface IRedisProductGrain : IProductGrain;
