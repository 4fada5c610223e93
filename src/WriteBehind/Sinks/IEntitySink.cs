namespace WriteBehind.Sinks;

/// <summary>
/// Where the states of one entity type end up: the port that the flush pipeline saves through and that reads fall back to.
/// An implementation must hold to the version guard and the deadline; both are what makes late and repeated flushes harmless.
/// Database failures are thrown as <see cref="SinkException"/>, never raw.
/// </summary>
public interface IEntitySink<TState>
    where TState : class
{
    /// <summary>One line for the log at start-up: which table, and by which way.</summary>
    string Description { get; }

    /// <summary>
    /// Checks that table and columns are as the mapping says.
    /// </summary>
    /// <exception cref="ConfigurationException">They are not; the message names table, column and the way out.</exception>
    /// <exception cref="SinkException">The database can't be reached (transient).</exception>
    Task VerifyAsync(CancellationToken cancellationToken);

    /// <summary>Reads the database's clock. Cheap: the pipeline asks at most once a minute, and as the breaker's probe.</summary>
    Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Saves a batch in one transaction. The batch comes sorted by id (ordinal), each id once, puts and deletes mixed.
    /// A row is written or deleted only where its stored version is smaller than the item's, and only while the database's clock,
    /// read inside the transaction, is before <paramref name="deadline"/>. The results are in the order of the items.
    /// </summary>
    /// <param name="items">What to save.</param>
    /// <param name="deadline">The end of the lease by the database's clock; after it nothing may be changed any more.</param>
    /// <param name="timeout">The statement time-out; ends inside the lease.</param>
    /// <param name="cancellationToken">Gives up waiting; the transaction may still commit.</param>
    /// <exception cref="SinkException">The batch failed as a whole and nothing was changed (or, where transient, may have been).</exception>
    Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken);

    /// <summary>
    /// Loads the rows of these ids with one query; ids without a row are left out, order is free. An id that can be no key of the
    /// table (see <see cref="CheckId"/>) is treated as absent.
    /// </summary>
    Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Loads the versions of these ids' rows with one query that reads nothing else of them, for puts and deletes, which need no state:
    /// so a row whose content can't be read can still be overwritten and deleted. Ids without a row are left out, as in
    /// <see cref="LoadAsync"/>.
    /// </summary>
    Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Whether the id can be a key of the table: null where it can, else the reason, as a sentence. Called before a write is
    /// accepted, so that an id which could never be stored is refused and not acknowledged.
    /// </summary>
    string? CheckId(string id);
}
