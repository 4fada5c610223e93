using WriteBehind.Buffer;
using WriteBehind.Caching.Queues;
using WriteBehind.DeadLetters;
using WriteBehind.Status;
using WriteBehind.Sweep;

namespace WriteBehind;

/// <summary>Everything that serves one entity type, for those who need not know its state type.</summary>
internal interface ITypeEngine
{
    EntityTypeOptions Options { get; }

    /// <summary>The <see cref="IEntityStore{TState}"/>.</summary>
    object Store { get; }

    DeadLetterBox Letters { get; }

    /// <summary>Has writes flushed at once; null where that is not wanted.</summary>
    FlushNotifier? Notifier { get; }

    /// <summary>The backlog as last counted.</summary>
    TypeStatus Status { get; }

    /// <summary>Records the type in Redis, or checks what is recorded; false where Redis came back empty.</summary>
    Task<bool> CheckEpochAsync(CancellationToken cancellationToken);

    /// <summary>Checks table and columns; returns how the type is saved, for the log.</summary>
    Task<string> VerifySinkAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due, once; returns the pause until the next round.</summary>
    Task<TimeSpan> SweepAsync(CancellationToken cancellationToken);

    /// <summary>Flushes what is due in a part of the shards, once; nothing while the circuit breaker is open.</summary>
    Task<SweepPass> SweepAsync(SweepPart part, TimeSpan? minAge, CancellationToken cancellationToken);

    /// <summary>Flushes what is dirty up to the given Redis time of each shard (0: nothing).</summary>
    /// <exception cref="BufferUnavailableException">Redis or a part of it is away; what the rest of it holds was flushed.</exception>
    Task FlushAsync(SweepPass pass, long[] until, bool force, CancellationToken cancellationToken);

    /// <summary>Flushes one entity, as <see cref="IEntityStore{TState}.FlushAsync"/> does.</summary>
    Task FlushAsync(string id, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <summary>Counts what waits, per shard. Where Redis or a part of it is away the result says so, and only a cancellation is thrown.</summary>
    Task<TypeBacklog> CountAsync(long[]? until, CancellationToken cancellationToken);

    /// <summary>Makes a dead entity dirty again.</summary>
    Task<bool> RetryAsync(string id, CancellationToken cancellationToken);
}
