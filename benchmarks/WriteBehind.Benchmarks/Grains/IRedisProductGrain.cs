namespace WriteBehind.Benchmarks.Grains;

public interface IRedisProductGrain : IProductGrain;
