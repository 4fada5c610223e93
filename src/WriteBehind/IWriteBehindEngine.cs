namespace WriteBehind;

/// <summary>
/// The engine as a whole, over all its entity types. Register it with <c>AddWriteBehind</c>.
/// </summary>
public interface IWriteBehindEngine
{
    /// <summary>The registered entity types.</summary>
    IReadOnlyCollection<string> Types { get; }

    /// <summary>The settings of an entity type. They are not to be changed any more.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    EntityTypeOptions OptionsOf(string type);

    /// <summary>The entities set aside.</summary>
    IDeadLetters DeadLetters { get; }

    /// <summary>The front of the entity type with this state type.</summary>
    /// <exception cref="UnknownEntityTypeException">No type, or more than one, has this state type.</exception>
    IEntityStore<TState> Store<TState>()
        where TState : class;

    /// <summary>The front of an entity type by name.</summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name has this state type.</exception>
    IEntityStore<TState> Store<TState>(string type)
        where TState : class;

    /// <summary>How everything is doing. Asks Redis for the backlog; where Redis is away, the last known one is given.</summary>
    Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Flushes whatever is dirty, whatever its age, and returns once everything that was dirty at the call is in the database,
    /// rejected, or <paramref name="timeout"/> (default 25 s) is over. Where Redis can't be asked how much is left, the report says so
    /// (<see cref="FlushReport.Uncounted"/>) and is not clean.
    /// </summary>
    Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// What the drain of the last stop reported, also where the host's time was over before its end; null before. For a program whose exit
    /// code is to say that something was left uncounted.
    /// </summary>
    FlushReport? LastStop { get; }

    /// <summary>
    /// Flushes one entity, whatever its state type; as <see cref="IEntityStore{TState}.FlushAsync"/> of its type does. For tools that know
    /// types by name.
    /// </summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="EntityRejectedException">The database rejects it.</exception>
    /// <exception cref="FlushPausedException">The flush of the type is paused.</exception>
    /// <exception cref="FlushIncompleteException">It was not flushed within <paramref name="timeout"/> (default 25 s).</exception>
    Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Pauses the flush of a type in all processes, as for a migration of its table: nothing of it is brought to the database until the
    /// pause is over. Writes go on being accepted, up to <see cref="EntityTypeOptions.MaxDirty"/>; explicit flushes and write-throughs fail
    /// at once with a <see cref="FlushPausedException"/> (the write of a write-through is accepted). Returns when no flush of before is
    /// under way any more, after <see cref="EntityTypeOptions.Lease"/> at the latest (<see cref="FlushPause.UnderWay"/>). A pause that is
    /// there already is replaced. It ends by itself, or where Redis comes back empty.
    /// </summary>
    /// <param name="type">The type.</param>
    /// <param name="duration">
    /// How long (default <see cref="FlushPause.DefaultDuration"/>, at most <see cref="FlushPause.LongestDuration"/>).
    /// </param>
    /// <param name="by">Who asks, for status and errors; default the machine's name.</param>
    /// <param name="cancellationToken">Ends the wait; the pause stays.</param>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="ArgumentOutOfRangeException">It is shorter than a millisecond or longer than an hour.</exception>
    /// <exception cref="BufferUnavailableException">
    /// Redis or a part of it is away, so that some or all of the type may not be paused. Pause again, or resume.
    /// </exception>
    Task<FlushPause> PauseAsync(
        string type, TimeSpan? duration = null, string? by = null, CancellationToken cancellationToken = default);

    /// <summary>Ends the pause of a type's flush.</summary>
    /// <returns>False where there was none.</returns>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away; there the pause ends by itself.</exception>
    Task<bool> ResumeAsync(string type, CancellationToken cancellationToken = default);

    /// <summary>
    /// Shows one entity in all places, side by side: its state in Redis, dirty mark, claim and fence, its row, and its dead letter. Where
    /// the database can't be asked, the rest is shown (<see cref="EntityInspection.RowError"/>). Changes nothing.
    /// </summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="InvalidEntityIdException">The id can name no entity.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<EntityInspection> InspectAsync(string type, string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// The entities of a type that have been dirty for longest, the oldest first: at most <paramref name="limit"/> of them.
    /// </summary>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is below 1 or above 1,000.</exception>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away.</exception>
    Task<IReadOnlyList<DirtyEntity>> OldestAsync(string type, int limit = 100, CancellationToken cancellationToken = default);

    /// <summary>
    /// Compares everything that Redis holds of a type (states, fences, dirty marks) with the rows, by their versions, also while the
    /// service runs. Entities of which Redis knows nothing have nothing to be compared with, and dead letters are no differences. It goes
    /// through all keys of Redis, so it takes its time: about a second for 50,000 entities.
    /// </summary>
    /// <param name="type">The type.</param>
    /// <param name="mend">
    /// Whether to mend what can be mended without losing anything: kept states whose row is older or gone are flushed again (also where
    /// another program deleted the row on purpose), clean entries that are not the row's are dropped, and lost dirty marks are set.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="UnknownEntityTypeException">No type of that name is registered.</exception>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away.</exception>
    /// <exception cref="SinkException">The database can't be asked.</exception>
    Task<StoreComparison> CompareAsync(string type, bool mend = false, CancellationToken cancellationToken = default);
}
