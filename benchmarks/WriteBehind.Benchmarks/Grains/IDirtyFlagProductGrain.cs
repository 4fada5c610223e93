namespace WriteBehind.Benchmarks.Grains;

public interface IDirtyFlagProductGrain : IProductGrain;
