namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>What the grains with a state of their base class do.</summary>
public interface IBasketGrain : IGrainWithStringKey
{
    Task<int> AddAsync(int items);
}
