using System.Buffers;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Model;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>Brings states into a context's change tracker: inserts, updates of rows that were loaded, and deletes.</summary>
internal sealed class TrackedChanges<TState>
    where TState : class
{
    private readonly DbContext _context;
    private readonly EntityMap _map;
    private readonly StateCopier<TState> _copier;
    private readonly Dictionary<string, EntityEntry<TState>> _existing;
    private readonly HashSet<object> _fresh = new(ReferenceEqualityComparer.Instance);
    private readonly List<(PropertyEntry Property, object? Value)> _defaults = [];

    /// <param name="context">The context.</param>
    /// <param name="map">The mapping.</param>
    /// <param name="copier">Copies states before they are tracked.</param>
    /// <param name="existing">The rows that are to be updated or deleted, tracked, with all that they own.</param>
    public TrackedChanges(DbContext context, EntityMap map, StateCopier<TState> copier, IReadOnlyList<TState> existing)
    {
        _context = context;
        _map = map;
        _copier = copier;
        _existing = existing.Select(context.Entry).ToDictionary(
            entry => map.Key.ToId([.. map.KeyProperties.Select(key => entry.Property(key.Name).CurrentValue!)]));
    }

    public void Add(TrackedChange<TState> change)
    {
        if (change.Item.State is { } state)
        {
            var copy = _context.Entry(_copier.Copy(state));
            OwnedGraph.DropOtherEntities(copy, _fresh);
            SetKeyAndVersion(copy, change);
            if (change.Exists)
            {
                Update(Existing(change.Item.Id), copy);
            }
            else
            {
                Insert(copy);
            }
        }
        else
        {
            _context.Remove(Existing(change.Item.Id).Entity);
        }
    }

    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        _context.ChangeTracker.DetectChanges();

        // What came with a state is new, also where it has a key: what it replaces is marked as deleted, and EF Core makes an update of
        // a delete and an insert of one key. Without this it would take a key for proof that the row exists.
        var brought = _context.ChangeTracker.Entries().Where(entry => _fresh.Contains(entry.Entity)).ToList();
        foreach (var entry in brought.Where(entry => entry.State is EntityState.Modified or EntityState.Unchanged))
        {
            entry.State = EntityState.Added;
        }

        await _context.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
        if (_defaults.Count > 0)
        {
            foreach (var (property, value) in _defaults)
            {
                property.CurrentValue = value;
            }

            await _context.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The row was locked before it was queried, so it is there; but a query of a derived type does not see those of others.
    /// </summary>
    private EntityEntry<TState> Existing(string id) => _existing.TryGetValue(id, out var entry)
        ? entry
        : throw new NotSupportedException(
            $"The row is not a {_map.EntityType.DisplayName()}: an entity can't change its type. Delete the row first.");

    private void SetKeyAndVersion(EntityEntry<TState> copy, TrackedChange<TState> change)
    {
        _ = _map.Key.Split(change.Item.Id, out var parts);
        for (var i = 0; i < parts.Length; i++)
        {
            copy.Property(_map.KeyProperties[i].Name).CurrentValue = _map.Key.Columns[i].ToModel(parts[i]);
        }

        copy.Property(_map.Version.Name).CurrentValue = change.Item.Version;
    }

    private void Insert(EntityEntry<TState> copy)
    {
        foreach (var property in copy.Metadata.GetProperties().Where(p => !p.IsPrimaryKey() && !IsVersion(p)))
        {
            var entry = copy.Property(property.Name);
            if (EntityMapReader.IsLeftToDatabase(property))
            {
                entry.CurrentValue = property.IsShadowProperty() ? entry.CurrentValue : property.Sentinel;
            }
            else if (property.ValueGenerated == ValueGenerated.OnAdd && Equals(entry.CurrentValue, property.Sentinel))
            {
                // EF Core takes the sentinel for "not set" and lets the column's default stand; but the state says this value.
                _defaults.Add((entry, property.Sentinel));
            }
        }

        _context.Add(copy.Entity);
    }

    private void Update(EntityEntry<TState> row, EntityEntry<TState> copy)
    {
        if (row.Metadata != copy.Metadata)
        {
            throw new NotSupportedException(
                $"The row is a {row.Metadata.DisplayName()} and the state a {copy.Metadata.DisplayName()}: an entity can't change its " +
                "type. Delete it first.");
        }

        foreach (var property in row.Metadata.GetProperties().Where(p => !p.IsPrimaryKey() && IsUpdated(p)))
        {
            row.Property(property.Name).CurrentValue = copy.Property(property.Name).CurrentValue;
        }

        foreach (var complex in row.Metadata.GetComplexProperties())
        {
            MemberEntry target = row.Member(complex.Name);
            target.CurrentValue = copy.Member(complex.Name).CurrentValue;
        }

        OwnedGraph.Replace(row, copy);
    }

    private bool IsUpdated(IProperty property)
        => IsVersion(property)
            || (!EntityMapReader.IsLeftToDatabase(property) && property.GetAfterSaveBehavior() != PropertySaveBehavior.Ignore);

    // By name: a context may build its model anew (another schema per tenant, for example), and then it has other property objects.
    private bool IsVersion(IProperty property) => property.Name == _map.Version.Name;
}

/// <summary>A change that the version guard has let through.</summary>
/// <param name="Item">What to save.</param>
/// <param name="Row">Where it stands among the rows that were looked up.</param>
/// <param name="Position">Where it stands in the batch.</param>
/// <param name="Stored">The version of its row; null where there is none.</param>
internal readonly record struct TrackedChange<TState>(SaveItem<TState> Item, int Row, int Position, long? Stored)
    where TState : class
{
    /// <summary>Whether there is a row.</summary>
    public bool Exists => Stored is not null;
}

/// <summary>
/// Copies states the way the buffer keeps them: out through the serializer and back. EF Core may then track and change the copy's
/// parts while the state itself, which its owner still works with, stays as it is.
/// </summary>
internal sealed class StateCopier<TState>(IStateSerializer<TState> serializer)
    where TState : class
{
    public TState Copy(TState state)
    {
        var body = new ArrayBufferWriter<byte>();
        serializer.Serialize(state, body);
        return serializer.Deserialize(body.WrittenSpan);
    }

    /// <summary>The state as text, for comparing: equal texts are equal states.</summary>
    public string Text(TState state)
    {
        var body = new ArrayBufferWriter<byte>();
        serializer.Serialize(state, body);
        return Convert.ToBase64String(body.WrittenSpan);
    }
}
