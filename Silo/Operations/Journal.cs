using Silo.Contracts.Operations;

namespace Silo.Operations;

/// <summary>The state of the journal.</summary>
[GenerateSerializer]
[Alias("silo.journal-state")]
internal sealed class Journal
{
    [Id(0)]
    public List<JournalEntry> Entries { get; set; } = [];
}
