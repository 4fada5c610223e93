namespace WriteBehind.Benchmarks.Grains;

public interface IWriteBehindProductGrain : IProductGrain;
