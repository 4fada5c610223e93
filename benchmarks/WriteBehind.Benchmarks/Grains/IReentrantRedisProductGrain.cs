namespace WriteBehind.Benchmarks.Grains;

public interface IReentrantRedisProductGrain : IProductGrain;
