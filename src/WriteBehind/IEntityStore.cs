namespace WriteBehind;

/// <summary>
/// The typed front of one entity type. A write returns once Redis has it together with its dirty mark; PostgreSQL follows
/// (or with <see cref="WriteStrategy.Through"/>, once PostgreSQL has it).
/// Safe for any number of concurrent callers; calls on one entity in one process are put in a row and share Redis writes.
/// </summary>
/// <remarks>
/// Every member may throw <see cref="InvalidEntityIdException"/>, <see cref="PayloadException"/>,
/// <see cref="BufferUnavailableException"/> (Redis) and, where the entity is not in Redis, <see cref="SinkException"/> (PostgreSQL);
/// writes also <see cref="BufferFullException"/>, and where the strategy is <see cref="WriteStrategy.Through"/>
/// <see cref="WriteThroughException"/>. A write that is cancelled while it is under way may still be applied.
/// </remarks>
public interface IEntityStore<TState>
    where TState : class
{
    /// <summary>The registered name of the entity type.</summary>
    string Type { get; }

    /// <summary>The latest acknowledged state: from Redis, else from PostgreSQL. Null where there is none or it was deleted.</summary>
    Task<Entity<TState>?> GetAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// The same for many ids: one round trip per shard, and one query for what Redis does not have (one for each
    /// <see cref="EntityTypeOptions.BatchSize"/> of it). Absent ones are left out; one that can't be read fails the call.
    /// </summary>
    Task<IReadOnlyDictionary<string, Entity<TState>>> GetManyAsync(IEnumerable<string> ids, CancellationToken cancellationToken = default);

    /// <summary>
    /// Puts a state in the place of whatever is there. With <paramref name="expectedVersion"/> only if that is the current version
    /// (0: only if the entity does not exist and was not deleted a short while ago).
    /// </summary>
    /// <remarks>
    /// 0 never stands for a row from before that has version 0, so such a row can't be named: its first change is one without an expected
    /// version (<see cref="UpdateAsync(string, Func{TState, TState}, CancellationToken)"/>, which looks at the state), or its version is
    /// raised before the type is first used.
    /// </remarks>
    /// <returns>The version of this change. Where others shared its write and came after it, the current one is already theirs.</returns>
    /// <exception cref="WriteConflictException">The current version is another one.</exception>
    Task<long> SetAsync(string id, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Changes the state with a function: it is given the current state (null where there is none) and returns the new one, or null
    /// to delete the entity. The function may run more than once (after a conflict with another process) and must not have
    /// side effects. If it throws, nothing is written for it and its error reaches this caller alone.
    /// </summary>
    /// <returns>
    /// The entity as this change made it, with this change's version; null where the function returned null. Where others shared its write
    /// and came after it, the current state is already theirs; functions that alter a state in place instead of making a new one alter this
    /// one, too.
    /// </returns>
    /// <exception cref="WriteConflictException">Other processes kept writing first, <see cref="WriteBehindOptions.MaxUpdateRetries"/> times
    /// in a row.</exception>
    Task<Entity<TState>?> UpdateAsync(string id, Func<TState?, TState?> change, CancellationToken cancellationToken = default);

    /// <summary>
    /// Deletes the entity; the row goes with the next flush. With <paramref name="expectedVersion"/> only if that is the current version,
    /// as in <see cref="SetAsync(string, TState, long?, CancellationToken)"/>.
    /// </summary>
    /// <exception cref="WriteConflictException">The current version is another one.</exception>
    Task DeleteAsync(string id, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// <see cref="SetAsync(string, TState, long?, CancellationToken)"/> as an operation: it takes effect at most once, however often and
    /// wherever it is sent. A repeat within <see cref="EntityTypeOptions.OperationTime"/> changes nothing and gets the first answer, also
    /// where the entity was flushed, changed or deleted since. (What is repeated counts by its id alone: its other arguments are not looked
    /// at.)
    /// </summary>
    /// <param name="id">The entity. An operation is one of one entity: the same id at another is another operation.</param>
    /// <param name="operation">The operation's id; see <see cref="OperationId"/>.</param>
    /// <param name="state">The state.</param>
    /// <param name="expectedVersion">The version that it must go on top of the first time.</param>
    /// <param name="cancellationToken">Ends the wait; the write may still be applied.</param>
    /// <exception cref="WriteConflictException">The current version is another one, and the operation has not taken effect.</exception>
    /// <exception cref="InvalidOperationIdException">The text is not the id of an operation.</exception>
    /// <exception cref="OperationForgottenException">It may have taken effect, and that is not known any more.</exception>
    Task<OperationAnswer> SetAsync(
        string id, string operation, TState state, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// <see cref="UpdateAsync(string, Func{TState, TState}, CancellationToken)"/> as an operation. The function may run once more for a
    /// repeat; what it makes then is dropped. Where it throws, the operation has not taken effect, and is judged anew when it is repeated.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="operation">The operation's id; see <see cref="OperationId"/>.</param>
    /// <param name="change">The function.</param>
    /// <param name="result">Makes of the new state (null where it was deleted) what is kept with the operation, and given again to those
    /// who repeat it; at most <see cref="EntityTypeOptions.MaxOperationResultBytes"/>. Runs after each run of the function.</param>
    /// <param name="cancellationToken">Ends the wait; the write may still be applied.</param>
    /// <exception cref="OperationResultException">The result is too long; nothing was written.</exception>
    /// <exception cref="InvalidOperationIdException">The text is not the id of an operation.</exception>
    /// <exception cref="OperationForgottenException">It may have taken effect, and that is not known any more.</exception>
    Task<OperationAnswer> UpdateAsync(
        string id,
        string operation,
        Func<TState?, TState?> change,
        Func<TState?, ReadOnlyMemory<byte>>? result = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// <see cref="DeleteAsync(string, long?, CancellationToken)"/> as an operation. One that finds nothing to delete is remembered, too:
    /// repeated, it does not delete what came since.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="operation">The operation's id; see <see cref="OperationId"/>.</param>
    /// <param name="expectedVersion">The version that it must go on top of the first time.</param>
    /// <param name="cancellationToken">Ends the wait; the delete may still be applied.</param>
    /// <exception cref="WriteConflictException">The current version is another one, and the operation has not taken effect.</exception>
    /// <exception cref="InvalidOperationIdException">The text is not the id of an operation.</exception>
    /// <exception cref="OperationForgottenException">It may have taken effect, and that is not known any more.</exception>
    Task<OperationAnswer> DeleteAsync(
        string id, string operation, long? expectedVersion = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns once everything acknowledged for this entity before the call is in PostgreSQL.
    /// </summary>
    /// <exception cref="EntityRejectedException">PostgreSQL rejects it.</exception>
    /// <exception cref="FlushPausedException">An operator has paused the flush of the type; this does not wait for its end.</exception>
    /// <exception cref="FlushIncompleteException">
    /// Another flusher holds it, or PostgreSQL or Redis is away or hangs, for longer than <paramref name="timeout"/> (default 25 s; 0: one
    /// try, to its end).
    /// </exception>
    Task FlushAsync(string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Drops what Redis keeps of a flushed entity (<see cref="AfterFlush.Keep"/>), so that the next read comes from PostgreSQL: for a row
    /// that another program has changed. The row stays, and so does the entity. One that is dirty or a dead letter is left as it is.
    /// </summary>
    /// <returns>Whether there was a clean entry.</returns>
    Task<bool> EvictAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// The same entities, written with this strategy instead of the type's <see cref="EntityTypeOptions.WriteStrategy"/>: for single writes
    /// that must be in PostgreSQL before they are acknowledged, or need not be. Costs nothing; call it per write.
    /// </summary>
    /// <remarks>
    /// With <see cref="WriteStrategy.Through"/> writes may also throw <see cref="WriteThroughException"/>. Sessions are not affected.
    /// </remarks>
    IEntityStore<TState> With(WriteStrategy strategy);

    /// <summary>
    /// Opens a session for an owner that keeps the entity's state in memory. Nothing is asked of any server yet. Several sessions of one
    /// entity may exist; whoever writes second on the same version is refused.
    /// </summary>
    IEntitySession<TState> OpenSession(string id);
}

/// <summary>A state with its version.</summary>
/// <param name="Id">The entity's id.</param>
/// <param name="Version">
/// Its version: 1 with the first change, one more with each; a delete is one too. A row that was there before has its stored one, from 0.
/// Changes that share a write are stored as the last of them, so the versions of the others are never seen by anybody but their callers.
/// </param>
/// <param name="State">The state.</param>
public sealed record Entity<TState>(string Id, long Version, TState State)
    where TState : class;

/// <summary>What became of an operation.</summary>
/// <param name="Version">The version of its change, of the first time.</param>
/// <param name="Result">What was recorded with it the first time; empty where nothing was.</param>
/// <param name="IsRepeat">Whether it had taken effect before, so that this call changed nothing.</param>
public readonly record struct OperationAnswer(long Version, ReadOnlyMemory<byte> Result, bool IsRepeat);
