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

    /// <summary>
    /// Carries out one of the library's commands, such as <c>inspect stock 85123A</c>, with its words and its output. What it changes is
    /// noted in the journal. A comparison of all entities of a type takes longer than calls usually do.
    /// </summary>
    /// <param name="arguments">The command line behind <c>writebehind</c>.</param>
    /// <param name="by">Who gives the command.</param>
    [Alias("run")]
    [ResponseTimeout("00:10:00")]
    Task<CommandOutcome> RunAsync(IReadOnlyList<string> arguments, string by);

    /// <summary>Adds a line to the journal; false where that failed, which the silo's log tells more about.</summary>
    [Alias("note")]
    Task<bool> NoteAsync(string action);

    /// <summary>What operators did lately, the newest last.</summary>
    [Alias("journal")]
    Task<IReadOnlyList<JournalEntry>> ReadJournalAsync();
}
