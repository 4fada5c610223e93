namespace WriteBehind.AspNetCore.Tests.Web;

/// <summary>
/// An engine that says what a test wants it to say. What the endpoints make of it is tested here; the real one has its own tests.
/// </summary>
internal sealed class FakeEngine : IWriteBehindEngine
{
    public static readonly TypeStatus Stock = new(
        "stock", 3, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(10), 1_000_000, 2, BreakerState.Closed, null,
        new(100, 40, 1, 2, 30, 3, 4, 5, 6, 7, 8, 9, 10, 11), new(12.5, 2.5));

    public EngineStatus Status { get; set; } = new([Stock], new(true, [], null), [new("watch", DateTimeOffset.UtcNow, 0, null)]);

    public WriteBehindException? Failure { get; set; }

    public int StatusCalls { get; private set; }

    /// <summary>Runs where the status is asked for.</summary>
    public Action? OnStatus { get; set; }

    public TimeSpan? FlushTimeout { get; private set; }

    public FakeDeadLetters Letters { get; } = new();

    public IReadOnlyCollection<string> Types => [.. Status.Types.Select(type => type.Type)];

    public IDeadLetters DeadLetters => Letters;

    public EntityTypeOptions OptionsOf(string type) => throw new NotSupportedException();

    public IEntityStore<TState> Store<TState>()
        where TState : class => throw new NotSupportedException();

    public IEntityStore<TState> Store<TState>(string type)
        where TState : class => throw new NotSupportedException();

    public Task<EngineStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        StatusCalls++;
        OnStatus?.Invoke();
        return Failure is null ? Task.FromResult(Status) : Task.FromException<EngineStatus>(Failure);
    }

    /// <summary>What was flushed one by one.</summary>
    public List<string> Flushed { get; } = [];

    public Task FlushAsync(string type, string id, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        FlushTimeout = timeout;
        Flushed.Add(id);
        return Failure is null ? Task.CompletedTask : Task.FromException(Failure);
    }

    public FlushReport? LastStop => null;

    /// <summary>What is known of the entity that is asked for.</summary>
    public EntityInspection Inspection { get; set; } = new("stock", "a", DateTimeOffset.UnixEpoch);

    public Task<EntityInspection> InspectAsync(string type, string id, CancellationToken cancellationToken = default)
        => Failure is null
            ? Task.FromResult(Inspection with { Type = type, Id = id })
            : Task.FromException<EntityInspection>(Failure);

    public Task<IReadOnlyList<DirtyEntity>> OldestAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
        => Task.FromResult<IReadOnlyList<DirtyEntity>>(
            [.. Enumerable.Range(0, limit).Select(i => new DirtyEntity(
                type, $"{i}", DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(limit - i), null))]);

    /// <summary>What a comparison finds.</summary>
    public IReadOnlyList<StoreDifference> Differences { get; set; } = [new("a/b", StoreDifferenceKind.RowBehind, "row 1, settled 2", true)];

    /// <summary>Whether the last comparison was to mend; null before the first.</summary>
    public bool? Mend { get; private set; }

    public Task<StoreComparison> CompareAsync(string type, bool mend = false, CancellationToken cancellationToken = default)
    {
        Mend = mend;
        return Failure is null
            ? Task.FromResult(new StoreComparison(
                type, 7, 2, 1, Differences.Count, Differences, mend ? Differences.Count(difference => difference.CanBeMended) : 0))
            : Task.FromException<StoreComparison>(Failure);
    }

    /// <summary>The pause that was asked for last; null once it was ended.</summary>
    public FlushPause? Pause { get; private set; }

    public Task<FlushPause> PauseAsync(
        string type, TimeSpan? duration = null, string? by = null, CancellationToken cancellationToken = default)
    {
        if (Failure is not null)
        {
            return Task.FromException<FlushPause>(Failure);
        }

        Pause = new FlushPause(
            type, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch + (duration ?? FlushPause.DefaultDuration), by ?? "nobody");
        return Task.FromResult(Pause);
    }

    public Task<bool> ResumeAsync(string type, CancellationToken cancellationToken = default)
    {
        var was = Pause is not null;
        Pause = null;
        return Task.FromResult(was);
    }

    public Task<FlushReport> FlushAllAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        FlushTimeout = timeout;
        return Failure is null
            ? Task.FromResult(new FlushReport(5, new Dictionary<string, long> { ["stock"] = 2 }, [new("stock", "odd/id")]))
            : Task.FromException<FlushReport>(Failure);
    }
}
