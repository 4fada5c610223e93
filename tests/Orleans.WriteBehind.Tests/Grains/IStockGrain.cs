using Orleans.Concurrency;

namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain as an application would write it, with a few doors for the tests.</summary>
public interface IStockGrain : IGrainWithStringKey
{
    Task<long> GetAsync();

    Task<long> AddAsync(long quantity);

    /// <summary>The same, acknowledged once PostgreSQL has it.</summary>
    Task<long> AddThroughAsync(long quantity);

    Task NoteAsync(string note);

    Task DeleteAsync();

    Task<bool> FlushAsync();

    Task<GrainInfo> InfoAsync();

    /// <summary>Ends the activation as the runtime would for this reason.</summary>
    Task DeactivateAsync(DeactivationReasonCode reason = DeactivationReasonCode.ApplicationRequested);

    /// <summary>Moves to a silo.</summary>
    Task MigrateAsync(SiloAddress silo);

    /// <summary>Changes the state, catches a failing save, and says what the state is afterwards.</summary>
    Task<string> AddAndCatchAsync(long quantity);

    [ReadOnly]
    Task<long> LookAsync();
}
