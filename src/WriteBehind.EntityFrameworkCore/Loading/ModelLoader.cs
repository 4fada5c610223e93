using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Loads states as EF Core materialises them, untracked, with one query.</summary>
internal sealed class ModelLoader<TState>(EntityMap map, IRowSource<TState> source) : ILoader<TState>
    where TState : class
{
    private readonly Expression<Func<TState, LoadedRow<TState>>> _projection = ModelQuery.Projection<TState>(map);

    /// <summary>Null where rows have to be sorted, or no query can be compiled.</summary>
    private readonly CompiledRows<TState>? _compiled =
        OwnedGraph.HasTables(map.EntityType) ? null : source.Compile(ModelQuery.Projection<TState>(map));

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        RentedContext rented, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<StoredRow<TState>>(ids.Count);
        if (ids.Count == 0)
        {
            return rows;
        }

        if (_compiled is null)
        {
            var loaded = await ModelQuery.LoadAsync(rented.Context, source.Rows(rented.Context, ids), _projection, cancellationToken)
                .ConfigureAwait(false);
            rows.AddRange(loaded.Select(Stored));
            return rows;
        }

        await foreach (var row in _compiled(rented.Context, ids).WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            rows.Add(Stored(row));
        }

        return rows;
    }

    private StoredRow<TState> Stored(LoadedRow<TState> row) => new(map.Key.ToId(row.Key), row.Version, row.State);
}

/// <summary>The expressions that queries of a mapped type are made of.</summary>
internal static class ModelQuery
{
    /// <summary>From a row to its state, version and key.</summary>
    public static Expression<Func<TState, LoadedRow<TState>>> Projection<TState>(EntityMap map)
    {
        var row = Expression.Parameter(typeof(TState), "row");
        var key = Expression.NewArrayInit(
            typeof(object), map.KeyProperties.Select(property => Expression.Convert(Property(row, property), typeof(object))));
        var loaded = Expression.MemberInit(
            Expression.New(typeof(LoadedRow<TState>)),
            Expression.Bind(typeof(LoadedRow<TState>).GetProperty(nameof(LoadedRow<>.State))!, row),
            Expression.Bind(typeof(LoadedRow<TState>).GetProperty(nameof(LoadedRow<>.Version))!, Property(row, map.Version)),
            Expression.Bind(typeof(LoadedRow<TState>).GetProperty(nameof(LoadedRow<>.Key))!, key));
        return Expression.Lambda<Func<TState, LoadedRow<TState>>>(loaded, row);
    }

    /// <summary>Loads states that nothing tracks, with what they own in the order in which it was saved.</summary>
    public static async Task<List<LoadedRow<TState>>> LoadAsync<TState>(
        DbContext context,
        IQueryable<TState> rows,
        Expression<Func<TState, LoadedRow<TState>>> projection,
        CancellationToken cancellationToken)
        where TState : class
    {
        // The keys that say which order that is may be known to the tracker alone.
        var isOrdered = OwnedGraph.HasTables(context.Model.FindEntityType(typeof(TState))!);
        var tracked = isOrdered ? rows.AsTracking() : rows.AsNoTracking();
        var loaded = await tracked.Select(projection).ToListAsync(cancellationToken).ConfigureAwait(false);
        if (isOrdered)
        {
            foreach (var row in loaded)
            {
                OwnedGraph.Sort(context.Entry(row.State));
            }

            context.ChangeTracker.Clear();
        }

        return loaded;
    }

    /// <summary><c>EF.Property&lt;T&gt;(row, "Name")</c>, which reads shadow properties too.</summary>
    public static Expression Property(Expression row, IProperty property)
        => Expression.Call(typeof(EF), nameof(EF.Property), [property.ClrType], row, Expression.Constant(property.Name));
}
