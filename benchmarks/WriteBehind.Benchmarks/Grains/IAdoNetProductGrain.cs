namespace WriteBehind.Benchmarks.Grains;

public interface IAdoNetProductGrain : IProductGrain;
