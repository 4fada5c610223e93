namespace WriteBehind;

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

    /// <summary>
    /// Says which database the states go to. It is recorded in Redis for the type, and a process with another one is refused: two services
    /// that share a Redis and a prefix by mistake would write into each other's tables. Null (the default) where that can't be told; then
    /// nothing is recorded or compared.
    /// </summary>
    /// <exception cref="SinkException">The database can't be reached (transient).</exception>
    Task<DatabaseIdentity?> IdentifyAsync(CancellationToken cancellationToken) => Task.FromResult<DatabaseIdentity?>(null);

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
    /// <exception cref="SinkException">The batch failed as a whole and nothing was changed (or, where transient, may have
    /// been).</exception>
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
    /// The same as <see cref="LoadAsync"/> where the first answer was older than what is known to be saved: over another connection than
    /// the one that gave it, where there can be one, as behind that one is a copy that lags, perhaps. Unless implemented, the same.
    /// </summary>
    Task<IReadOnlyList<StoredRow<TState>>> LoadAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadAsync(ids, cancellationToken);

    /// <summary>The same of <see cref="LoadVersionsAsync"/>.</summary>
    Task<IReadOnlyList<StoredVersion>> LoadVersionsAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadVersionsAsync(ids, cancellationToken);

    /// <summary>
    /// Whether the id can be a key of the table: null where it can, else the reason, as a sentence. Called before a write is
    /// accepted, so that an id which could never be stored is refused and not acknowledged.
    /// </summary>
    string? CheckId(string id);

    /// <summary>
    /// Whether the table can hold the state: null where it can, else the reason, as a sentence that names the member. Called before a write
    /// is accepted, for states that hold the character U+0000 (which PostgreSQL has no place for in texts), and for all that are not JSON.
    /// </summary>
    string? CheckState(TState state) => null;

    /// <summary>
    /// The same, but called before each write, so it has to be quick: for what the table can't hold and JSON does not show, such as a time
    /// that is not in UTC.
    /// </summary>
    string? CheckEveryState(TState state) => null;
}

/// <summary>Makes the sink of an entity type; one is registered per engine.</summary>
public interface IEntitySinkFactory
{
    /// <summary>Makes the sink.</summary>
    /// <exception cref="ConfigurationException">The state type can't be mapped; the message says why and what to change.</exception>
    IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class;
}

/// <summary>Which database a sink saves to.</summary>
/// <param name="Id">What is compared: the same for every connection to this database, and for no other database.</param>
/// <param name="Name">What people know it by, for messages. No secrets.</param>
public sealed record DatabaseIdentity(string Id, string Name);

/// <summary>One entity to bring to the database.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version of this state; a row is touched only where its stored version is smaller.</param>
/// <param name="State">The state; null for a delete.</param>
public readonly record struct SaveItem<TState>(string Id, long Version, TState? State)
    where TState : class
{
    /// <summary>True where the row is to be deleted (a tombstone).</summary>
    public bool IsDelete => State is null;
}

/// <summary>What became of one entity of a batch.</summary>
public enum SaveOutcome
{
    /// <summary>The row was written or deleted.</summary>
    Applied,

    /// <summary>
    /// The row had this very version with this very content already (or, for a delete, was gone already): a replay, counted as a no-op.
    /// </summary>
    AlreadyThere,

    /// <summary>
    /// The row is newer than what was to be saved, or has its version with another content: it is another write's, and was left alone.
    /// </summary>
    Fenced,

    /// <summary>The flusher's lease had ended by the database's clock, so nothing was done.</summary>
    Expired,

    /// <summary>This entity can't be stored, without the database having been asked (its id is no key of the table, for example).</summary>
    Rejected,
}

/// <summary>The outcome for one entity of a batch.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="StoredVersion">For <see cref="SaveOutcome.Fenced"/>: the version of the row found; else the version saved or 0.</param>
/// <param name="Error">For <see cref="SaveOutcome.Rejected"/>: why.</param>
public readonly record struct SaveResult(SaveOutcome Outcome, long StoredVersion = 0, Exception? Error = null);

/// <summary>
/// One reading of the database's clock. <see cref="At"/> was read before the answer arrived at <see cref="ReceivedAt"/>, so
/// <c>At + (t - ReceivedAt)</c> never runs ahead of the database's clock at the local moment t. A lease deadline that is
/// computed from a reading taken <em>before</em> the claim is therefore never too late, whatever the two clocks show.
/// </summary>
/// <param name="At">The database's clock.</param>
/// <param name="ReceivedAt">The local moment the answer arrived, as <see cref="TimeProvider.GetTimestamp"/> gives it.</param>
public readonly record struct SinkClock(DateTimeOffset At, long ReceivedAt);

/// <summary>A row found in the database.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version stored with the row.</param>
/// <param name="State">The state read from the row.</param>
public readonly record struct StoredRow<TState>(string Id, long Version, TState State)
    where TState : class;

/// <summary>The version of a row found in the database, without its content.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">The version stored with the row.</param>
public readonly record struct StoredVersion(string Id, long Version);
