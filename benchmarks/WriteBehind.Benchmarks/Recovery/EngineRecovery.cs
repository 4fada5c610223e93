using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Recovery;

/// <summary>An engine without a cluster.</summary>
public sealed class EngineRecovery : IRecovered
{
    /// <summary>What it is called.</summary>
    public const string Kind = "engine";

    private readonly EngineHost _host;

    private EngineRecovery(EngineHost host) => _host = host;

    public IWriteBehindEngine Engine => _host.Engine;

    public static async Task<IRecovered> StartAsync(Place place) => new EngineRecovery(await EngineHost.StartAsync(place, sweeps: true));

    public Task WriteAsync(string id) => _host.Store.UpdateAsync(id, product => (product ?? Product.New(id)).Add(1));

    public ValueTask DisposeAsync() => _host.DisposeAsync();
}
