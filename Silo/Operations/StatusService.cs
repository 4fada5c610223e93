using Orleans.Concurrency;
using Silo.Contracts.Operations;
using WriteBehind;

namespace Silo.Operations;

/// <summary>Sums up this silo's engine.</summary>
[Reentrant]
internal sealed class StatusService(
    GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers, IWriteBehindEngine engine, ILocalSiloDetails details)
    : GrainService(id, silo, loggers), IStatusService
{
    public async Task<SiloReport> GetAsync()
    {
        var status = await engine.GetStatusAsync();
        var counters = status.Types.Select(type => type.Counters).ToList();
        return new SiloReport(
            details.Name,
            details.SiloAddress.Endpoint.ToString(),
            counters.Sum(type => type.WritesAcknowledged),
            counters.Sum(type => type.BufferWrites),
            counters.Sum(type => type.RowsApplied),
            counters.Sum(type => type.Conflicts),
            Worst(status.Types.Select(type => type.Breaker)).ToString(),
            [.. status.Loops.Where(loop => loop.LastError is not null).Select(loop => $"{loop.Name}: {loop.LastError}")],
            status.Types.ToDictionary(type => type.Type, type => new RateReport(type.Rates.WritesPerSecond, type.Rates.RowsPerSecond)));
    }

    private static BreakerState Worst(IEnumerable<BreakerState> states)
        => states.Aggregate(
            BreakerState.Closed, (worst, state) => state == BreakerState.Open || worst == BreakerState.Closed ? state : worst);
}
