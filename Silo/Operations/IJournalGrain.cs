using Silo.Contracts.Operations;

namespace Silo.Operations;

/// <summary>Keeps what operators did; its key is 0.</summary>
[Alias("silo.journal")]
internal interface IJournalGrain : IGrainWithIntegerKey
{
    [Alias("add")]
    Task AddAsync(string action);

    [Alias("read")]
    Task<IReadOnlyList<JournalEntry>> ReadAsync();
}
