using Orleans.Runtime.Services;
using Silo.Contracts.Operations;

namespace Silo.Operations;

internal sealed class StatusServiceClient(IServiceProvider services) : GrainServiceClient<IStatusService>(services), IStatusServiceClient
{
    public Task<SiloReport> GetAsync(SiloAddress silo) => GetGrainService(silo).GetAsync();
}
