using System.Text;
using WriteBehind.Buffer;
using WriteBehind.Caching;

namespace WriteBehind.Testing;

/// <summary>
/// The table of one entity type, or of read-through caches over one state type, past the engine: as another program, or somebody with SQL,
/// sees and changes it. Got from <see cref="InMemoryWriteBehind"/>.
/// </summary>
public abstract class InMemoryTable
{
    private const string BrokenCheck = "23514";

    private protected InMemoryTable(InMemoryWriteBehind servers, EntityData data, string type)
        => (Servers, Data, Type) = (servers, data, type);

    /// <summary>The registered name of the entity type, or of the cache.</summary>
    public string Type { get; }

    /// <summary>The ids of the rows, in ordinal order.</summary>
    public IReadOnlyList<string> Ids
    {
        get
        {
            lock (Servers.Gate)
            {
                return [.. Data.Rows.Keys];
            }
        }
    }

    private protected InMemoryWriteBehind Servers { get; }

    private protected EntityData Data { get; }

    /// <summary>The version of a row; null where there is none.</summary>
    public long? VersionOf(string id) => Find(id)?.Version;

    /// <summary>The state of a row as it was serialised, which is JSON by default; null where there is no row.</summary>
    public string? TextOf(string id) => Find(id) is { } row ? Encoding.UTF8.GetString(PayloadCodec.BodyOf(row.Payload).Span) : null;

    /// <summary>Whether the entity has acknowledged changes that the table lacks.</summary>
    public bool IsDirty(string id)
    {
        lock (Servers.Gate)
        {
            return Data.Dirty.ContainsKey(id);
        }
    }

    /// <summary>Removes a row, as another program would: the engine is not told.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string id)
    {
        lock (Servers.Gate)
        {
            return Data.Rows.Remove(id);
        }
    }

    /// <summary>
    /// Has the database reject an entity whatever its state is, until <see cref="AcceptAll"/>: after
    /// <see cref="EntityTypeOptions.MaxAttempts"/> tries it is a dead letter.
    /// </summary>
    /// <param name="id">The entity.</param>
    /// <param name="error">What the database says.</param>
    /// <param name="code">Its code (SQLSTATE); that of a broken check by default.</param>
    public void Reject(string id, string error = "The test has this row rejected.", string code = BrokenCheck)
        => AddRejection((other, _) => other == id ? Rejection(id, error, code) : null);

    /// <summary>Has the database take everything again. Dead letters stay until they are retried, or their entities written.</summary>
    public void AcceptAll()
    {
        lock (Servers.Gate)
        {
            Data.Rejections.Clear();
        }
    }

    private protected void AddRejection(Func<string, byte[]?, SinkException?> rejection)
    {
        lock (Servers.Gate)
        {
            Data.Rejections.Add(rejection);
        }
    }

    private protected SinkException Rejection(string id, string error, string code = BrokenCheck)
        => new(SinkFailure.Entity, error, code, Type, id);

    private protected Row? Find(string id)
    {
        lock (Servers.Gate)
        {
            return Data.Rows.TryGetValue(id, out var row) ? row : null;
        }
    }
}

/// <summary>The table of an entity type whose state is a <typeparamref name="TState"/>.</summary>
public sealed class InMemoryTable<TState> : InMemoryTable
    where TState : class
{
    private readonly PayloadCodec<TState> _codec;

    internal InMemoryTable(InMemoryWriteBehind servers, EntityData data, string type, PayloadCodec<TState> codec)
        : base(servers, data, type)
        => _codec = codec;

    /// <summary>A row, read back as the engine would read it; null where there is none.</summary>
    public Entity<TState>? this[string id] => Find(id) is { } row ? Read(id, row) : null;

    /// <summary>All rows by id.</summary>
    public IReadOnlyDictionary<string, Entity<TState>> Rows
    {
        get
        {
            lock (Servers.Gate)
            {
                return Data.Rows.ToDictionary(static row => row.Key, row => Read(row.Key, row.Value), StringComparer.Ordinal);
            }
        }
    }

    /// <summary>Writes a row, as another program would: the engine is not told.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="state">The state.</param>
    /// <param name="version">
    /// The version; null to raise the present one by one, as programs are asked to. A row that is newer than a dirty entity fences it: its
    /// flush makes it a dead letter, and its owners load the row.
    /// </param>
    /// <returns>The version of the row.</returns>
    public long Put(string id, TState state, long? version = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        var payload = _codec.Encode(id, state);
        lock (Servers.Gate)
        {
            var stored = version ?? ((VersionOf(id) ?? 0) + 1);
            Data.Rows[id] = new Row(stored, payload);
            return stored;
        }
    }

    /// <summary>Has the database reject states, as a constraint would, until <see cref="InMemoryTable.AcceptAll"/>.</summary>
    /// <param name="rejects">Which. It must look at nothing but its argument.</param>
    /// <param name="error">What the database says.</param>
    public void Reject(Func<Entity<TState>, bool> rejects, string error = "The test has such rows rejected.")
    {
        ArgumentNullException.ThrowIfNull(rejects);
        AddRejection((id, payload) => payload is not null && rejects(Read(id, new Row(0, payload))) ? Rejection(id, error) : null);
    }

    private Entity<TState> Read(string id, Row row) => new(id, row.Version, _codec.Decode(id, row.Payload));
}

/// <summary>
/// The rows of a state type that is not written behind, for the read-through caches over it: what PostgreSQL and the sink would be.
/// </summary>
internal sealed class MemoryRows<TState> : IEntitySink<TState>
    where TState : class
{
    private readonly InMemoryWriteBehind _servers;
    private readonly EntityData _data;
    private readonly string _name;
    private readonly PayloadCodec<TState> _codec;

    public MemoryRows(InMemoryWriteBehind servers, ReadThroughOptions<TState> options)
    {
        // No name of an entity type has a dot. All caches over a state type share its table.
        (_servers, _name, _data) = (servers, options.Name, servers.DataOf($"rows.{typeof(TState).FullName}"));
        _codec = new PayloadCodec<TState>(
            new EntityTypeOptions<TState>(options.Name) { Serializer = new JsonStateSerializer<TState>(options.Json) },
            static _ => "A text holds the character U+0000, which PostgreSQL can't store.");
        Table = new InMemoryTable<TState>(servers, _data, options.Name, _codec);
    }

    public InMemoryTable<TState> Table { get; }

    public string Description => "rows in memory";

    public Task VerifyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public string? CheckId(string id) => null;

    public async Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        CheckDatabase("the clock can't be read");
        return new SinkClock(_servers.Now, _servers.Time.GetTimestamp());
    }

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => [.. (await FindAsync(ids, cancellationToken).ConfigureAwait(false)).Select(
            found => new StoredRow<TState>(found.Id, found.Row.Version, _codec.Decode(found.Id, found.Row.Payload)))];

    public async Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => [.. (await FindAsync(ids, cancellationToken).ConfigureAwait(false)).Select(
            static found => new StoredVersion(found.Id, found.Row.Version))];

    public async Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        lock (_servers.Gate)
        {
            CheckDatabase("rows can't be saved");
            return _servers.Now < deadline
                ? [.. items.Select(Save)]
                : [.. items.Select(static _ => new SaveResult(SaveOutcome.Expired))];
        }
    }

    private SaveResult Save(SaveItem<TState> item)
    {
        byte[]? payload;
        try
        {
            payload = item.State is { } state ? _codec.Encode(item.Id, state) : null;
        }
        catch (PayloadException e)
        {
            return new SaveResult(SaveOutcome.Rejected, Error: e);
        }

        return _data.RejectionOf(item.Id, payload) is { } rejected ? throw rejected : _data.Save(item.Id, item.Version, payload);
    }

    private async Task<List<(string Id, Row Row)>> FindAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        await Network.TripAsync(cancellationToken).ConfigureAwait(false);
        lock (_servers.Gate)
        {
            CheckDatabase("rows can't be loaded");
            var found = new List<(string Id, Row Row)>();
            foreach (var id in ids)
            {
                if (_data.Rows.TryGetValue(id, out var row))
                {
                    found.Add((id, row));
                }
            }

            return found;
        }
    }

    /// <exception cref="SinkException">The database is away.</exception>
    private void CheckDatabase(string what)
    {
        if (_servers.DatabaseAway)
        {
            throw MemoryType.DatabaseAway(_name, null, $"{_name}: {what}");
        }
    }
}
