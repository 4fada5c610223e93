using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Recovery;

/// <summary>Starts what recovers, on what an outage left.</summary>
public delegate Task<IRecovered> StartRecovery(Place place);
