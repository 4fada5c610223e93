using Orleans.Services;
using Silo.Contracts.Operations;

namespace Silo.Operations;

/// <summary>Asks the silos what they did.</summary>
internal interface IStatusServiceClient : IGrainServiceClient<IStatusService>
{
    Task<SiloReport> GetAsync(SiloAddress silo);
}
