using Orleans.Services;
using Silo.Contracts.Operations;

namespace Silo.Operations;

/// <summary>Runs once on every silo and says what that one did.</summary>
[Alias("silo.status")]
internal interface IStatusService : IGrainService
{
    [Alias("get")]
    Task<SiloReport> GetAsync();
}
