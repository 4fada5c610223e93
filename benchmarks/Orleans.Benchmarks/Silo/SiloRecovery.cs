using Orleans.Benchmarks.Grains;
using WriteBehind;
using WriteBehind.Benchmarks.Recovery;
using WriteBehind.Benchmarks.Servers;

namespace Orleans.Benchmarks.Silo;

/// <summary>A silo that is new: its sweep grains find what is dirty.</summary>
internal sealed class SiloRecovery : IRecovered
{
    /// <summary>What it is called.</summary>
    public const string Kind = "silo";

    private readonly SiloHost _silo;

    private SiloRecovery(SiloHost silo) => _silo = silo;

    public IWriteBehindEngine Engine => _silo.Engine;

    public static async Task<IRecovered> StartAsync(Place place) => new SiloRecovery(await SiloHost.StartAsync(place));

    public Task WriteAsync(string id) => _silo.Grains.GetGrain<IWriteBehindProductGrain>(id).AddAsync(1);

    public ValueTask DisposeAsync() => _silo.DisposeAsync();
}
