namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain as it stands in any Orleans application.</summary>
public interface ICartGrain : IGrainWithStringKey
{
    Task<int> AddAsync(string owner, int items);

    Task<Cart> GetAsync();

    Task ClearAsync();

    Task<Guid> ActivationAsync();
}
