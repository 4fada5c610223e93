namespace WriteBehind.Benchmarks.Grains;

/// <summary>A product, whatever keeps its state.</summary>
public interface IProductGrain : IGrainWithStringKey
{
    /// <summary>Moves stock; returns the quantity once the change is as safe as the contender makes it.</summary>
    Task<long> AddAsync(long quantity);

    Task<long> GetAsync();
}
