namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain as it stands in any Orleans application.</summary>
public interface ICartGrain : IGrainWithStringKey
{
    Task<int> AddAsync(string owner, int items);

    Task<Cart> GetAsync();

    Task ClearAsync();

    Task<Guid> ActivationAsync();

    /// <summary>The same as <see cref="AddAsync"/>, but a conflict is caught.</summary>
    Task AddAndCatchAsync(string owner, int items);

    /// <summary>The same as <see cref="AddAsync"/>, in an activation that has begun to move to another silo.</summary>
    Task AddWhileMovingAsync(string owner, int items, SiloAddress silo);
}
