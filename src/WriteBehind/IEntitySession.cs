using System.Diagnostics;

namespace WriteBehind;

/// <summary>
/// What one owner knows of one entity, for owners that keep the state in memory between writes: an actor, a grain. It is loaded once and
/// then saved as often as wanted; each save goes on top of exactly the version the session knows, and is refused where somebody else
/// wrote in between. For use by one caller at a time; only <see cref="TryFlushAsync"/> and
/// <see cref="WriteThroughAsync"/> may run beside the other members.
/// </summary>
/// <remarks>
/// After an error the state in the owner's memory is not what was acknowledged. The owner must <see cref="LoadAsync"/> before it
/// goes on; where <see cref="IsLoaded"/> has become false, the session insists on it.
/// </remarks>
public interface IEntitySession<TState>
    where TState : class
{
    /// <summary>The registered settings of the entity type.</summary>
    EntityTypeOptions Options { get; }

    /// <summary>The entity's id.</summary>
    string Id { get; }

    /// <summary>
    /// Whether the session knows the entity's version: true after a load, false again after a conflict or an unknown outcome.
    /// </summary>
    bool IsLoaded { get; }

    /// <summary>
    /// The version of the last load or save; 0 for an entity that was never written, and for a row from before that has it.
    /// </summary>
    long Version { get; }

    /// <summary>Whether there is a state at this version: false where it was never written, or deleted.</summary>
    bool Exists { get; }

    /// <summary>Whether, as far as this session knows, the database lacks what it loaded or wrote.</summary>
    bool IsDirty { get; }

    /// <summary>Loads the latest acknowledged state, from Redis, else from PostgreSQL; null where there is none.</summary>
    /// <exception cref="PayloadException">What is stored can't be read.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    /// <exception cref="SinkException">Redis does not have it and PostgreSQL is away.</exception>
    Task<TState?> LoadAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes a version for the current one without a load: an owner that kept it elsewhere (an entity tag, say) goes on from it. The next
    /// save confirms it, if need be in PostgreSQL, and is refused where it is not the current one.
    /// </summary>
    /// <param name="version">The version; 0 for an entity that was never written, or a row from before that has it.</param>
    /// <param name="exists">Whether there was a state at that version.</param>
    void Assume(long version, bool exists);

    /// <summary>
    /// Saves a state. It is serialised before the call returns its task, so the owner may go on changing it. Returns once Redis has it
    /// together with its dirty mark. There is no cancellation: what was sent can't be taken back.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <returns>The version written.</returns>
    /// <exception cref="WriteConflictException">Somebody else wrote in between; load before going on.</exception>
    /// <exception cref="BufferFullException">The type's bound is reached; nothing was written.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away; where the outcome is unknown, load before going on.</exception>
    /// <exception cref="PayloadException">The state can't be serialised; nothing was written.</exception>
    /// <exception cref="SinkException">The version had to be confirmed in PostgreSQL, which is away; nothing was written.</exception>
    Task<long> SaveAsync(TState state);

    /// <summary>Deletes the entity; nothing happens where there is none. It may be saved anew afterwards.</summary>
    /// <returns>The version written; the present one where nothing had to be.</returns>
    /// <exception cref="WriteConflictException">As in <see cref="SaveAsync(TState)"/>, like the other errors.</exception>
    Task<long> DeleteAsync();

    /// <summary>Tries once to bring what is acknowledged to the database; tries of many sessions share batches.</summary>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    Task<EntityFlush> TryFlushAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns once PostgreSQL has what this session wrote: the second half of a write-through, after <see cref="SaveAsync(TState)"/> or
    /// <see cref="DeleteAsync()"/>, which return once Redis has it whatever the type's <see cref="EntityTypeOptions.WriteStrategy"/> is.
    /// May run beside the other members. The session stays usable where it fails.
    /// </summary>
    /// <exception cref="WriteThroughException">Not within <see cref="EntityTypeOptions.WriteThroughTimeout"/>, PostgreSQL rejects it, or
    /// the flush is paused; it stays buffered.</exception>
    /// <exception cref="StateLostException">Redis lost it.</exception>
    Task WriteThroughAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Throws where a save of the state would be refused whatever the circumstances, as it would not come back as it is. Sends nothing.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <exception cref="PayloadException">It can't be serialised, or would not come back as it is.</exception>
    void ThrowIfUnsavable(TState state);

    /// <summary>
    /// Throws where a save would be refused as things are, so that an owner can refuse work before it begins: the entity is clean and its
    /// shard was found full a moment ago, or Redis is not answering this process.
    /// </summary>
    /// <exception cref="BufferFullException">The type's bound is reached.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    void ThrowIfRefusing();

    /// <summary>The same save for several callers, whose changes are all in the state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="waitingSince">For the counters: since when each of them has waited, as timestamps of the engine's clock.</param>
    /// <param name="operations">The operations among them, which have to be new; null where there are none.</param>
    internal Task<long> SaveAsync(TState state, IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations = null)
        => operations is null ? SaveAsync(state) : throw new NotSupportedException();

    /// <summary>
    /// The same delete for several callers; see <see cref="SaveAsync(TState, IReadOnlyList{long}, IReadOnlyList{KeptAnswer}?)"/>.
    /// </summary>
    internal Task<long> DeleteAsync(IReadOnlyList<long> waitingSince, IReadOnlyList<KeptAnswer>? operations = null)
        => operations is null ? DeleteAsync() : throw new NotSupportedException();

    /// <summary>What an operation came to; null where it is new.</summary>
    /// <exception cref="OperationForgottenException">It may have taken effect, and that is not known any more.</exception>
    /// <exception cref="InvalidOperationIdException">Its time is ahead.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    internal Task<OperationAnswer?> FindAsync(OperationKey operation) => throw new NotSupportedException();

    /// <summary>For owners that save on behalf of calls: the activity of a call that has asked for a save.</summary>
    internal void Note(Activity? activity)
    {
    }

    /// <summary>Redis' time (ms) before the last load or save; operations that are younger were not in what it gave.</summary>
    internal long KnownAt => 0;

    /// <summary>A timer that flushes what this session wrote, after the flush delay.</summary>
    /// <param name="superseded">Told, on any thread, where what the session holds no longer counts.</param>
    internal IFlushTimer OpenFlushTimer(Action? superseded = null) => throw new NotSupportedException();
}

/// <summary>What a caller's call returned, which is kept with the change that it made.</summary>
/// <param name="Operation">The call's name.</param>
/// <param name="Answer">What it returned.</param>
internal readonly record struct KeptAnswer(OperationKey Operation, byte[] Answer);

/// <summary>The flush timer of one session. Its members may be called from any thread.</summary>
internal interface IFlushTimer
{
    /// <summary>Whether a flush is due some time, or under way.</summary>
    bool IsArmed { get; }

    /// <summary>Arms it where the entity is dirty, unless it is: the delay counts from the first unflushed write.</summary>
    void Arm();

    /// <summary>Takes the timer away. A flush that is under way goes on.</summary>
    void Drop();
}

/// <summary>What one try to flush an entity came to.</summary>
public enum EntityFlush
{
    /// <summary>Everything that was acknowledged before the try is in the database.</summary>
    Saved,

    /// <summary>It is still dirty (another flusher holds it, or the database is away); a later try or the sweep flushes it.</summary>
    Pending,

    /// <summary>The database rejects it: it is tried a few more times by the sweep, then it is a dead letter.</summary>
    Rejected,

    /// <summary>
    /// What the owner holds no longer counts: PostgreSQL has a newer row, Redis lost the write, or it was set aside and discarded. The
    /// owner must load before it goes on; a save is refused as a conflict.
    /// </summary>
    Superseded,
}
