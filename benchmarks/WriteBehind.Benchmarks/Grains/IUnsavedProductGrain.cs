namespace WriteBehind.Benchmarks.Grains;

public interface IUnsavedProductGrain : IProductGrain;
