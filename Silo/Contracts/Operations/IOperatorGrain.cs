namespace Silo.Contracts.Operations;

/// <summary>What an operator does with the cluster; its key is 0.</summary>
[Alias("silo.operator")]
public interface IOperatorGrain : IGrainWithIntegerKey
{
    /// <summary>How the cluster is doing.</summary>
    [Alias("status")]
    Task<ClusterReport> GetStatusAsync();

    /// <summary>
    /// Flushes everything that is dirty at the call; returns when that is done, or the time is over. Called over and over by those who have
    /// longer than a call may take, so it leaves the journal to them (<see cref="NoteAsync"/>).
    /// </summary>
    [Alias("flush")]
    Task<FlushSummary> FlushAsync(TimeSpan timeout);

    /// <summary>Flushes one entity, of any registered type.</summary>
    /// <exception cref="global::WriteBehind.FlushIncompleteException">It was not flushed within <paramref name="timeout"/>.</exception>
    /// <exception cref="global::WriteBehind.WriteBehindException">It can't be flushed.</exception>
    [Alias("flush-one")]
    Task FlushAsync(string type, string id, TimeSpan timeout);

    /// <summary>The dead letters of a type.</summary>
    /// <exception cref="global::WriteBehind.UnknownEntityTypeException">There is no such type.</exception>
    [Alias("dead")]
    Task<IReadOnlyList<DeadLetterInfo>> ListDeadAsync(string type, int limit);

    /// <summary>One dead letter with its state; null where there is none.</summary>
    [Alias("dead-show")]
    Task<DeadLetterContent?> ShowDeadAsync(string type, string id);

    /// <summary>Makes a dead entity dirty again, or with null all of the type.</summary>
    /// <returns>How many.</returns>
    [Alias("dead-retry")]
    Task<long> RetryDeadAsync(string type, string? id);

    /// <summary>Drops a dead letter and its state for good; false where there is none.</summary>
    [Alias("dead-discard")]
    Task<bool> DiscardDeadAsync(string type, string id);

    /// <summary>Adds a line to the journal; false where that failed, which the silo's log tells more about.</summary>
    [Alias("note")]
    Task<bool> NoteAsync(string action);

    /// <summary>What operators did lately, the newest last.</summary>
    [Alias("journal")]
    Task<IReadOnlyList<JournalEntry>> ReadJournalAsync();
}
