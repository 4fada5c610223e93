using Silo.Contracts.Operations;

namespace Silo.Operations;

/// <summary>
/// Bookkeeping of the service itself: seldom written, wanted at once and of no interest to PostgreSQL. So it is an ordinary grain on
/// Orleans' own Redis storage.
/// </summary>
internal sealed class JournalGrain(
    [PersistentState("journal", JournalGrain.Storage)] IPersistentState<Journal> journal, TimeProvider time) : Grain, IJournalGrain
{
    /// <summary>The storage provider's name.</summary>
    public const string Storage = "bookkeeping";

    private const int EntriesKept = 200;

    public async Task AddAsync(string action)
    {
        journal.State.Entries.Add(new(time.GetUtcNow(), action));
        if (journal.State.Entries.Count > EntriesKept)
        {
            journal.State.Entries.RemoveRange(0, journal.State.Entries.Count - EntriesKept);
        }

        try
        {
            await journal.WriteStateAsync();
        }
        catch
        {
            // What is in memory was not stored: the next call begins with what is.
            DeactivateOnIdle();
            throw;
        }
    }

    public Task<IReadOnlyList<JournalEntry>> ReadAsync() => Task.FromResult<IReadOnlyList<JournalEntry>>([.. journal.State.Entries]);
}
