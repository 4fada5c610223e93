namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain whose persistent state is mapped to a table.</summary>
public interface IShelfGrain : IGrainWithIntegerKey
{
    Task<long> GetAsync();

    Task LookAsync();

    Task ClearAsync();

    /// <summary>Moves to a silo.</summary>
    Task MigrateAsync(SiloAddress silo);

    Task<string> SiloAsync();
}
