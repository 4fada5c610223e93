using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Loads states as EF Core materialises them, untracked, with one query.</summary>
internal sealed class ModelLoader<TState>(EntityMap map, IRowSource<TState> source) : ILoader<TState>
    where TState : class
{
    private readonly Expression<Func<TState, LoadedRow<TState>>> _projection = ModelQuery.Projection<TState>(map);

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        RentedContext rented, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<StoredRow<TState>>(ids.Count);
        if (ids.Count == 0)
        {
            return rows;
        }

        var loaded = await ModelQuery.LoadAsync(rented.Context, source.Rows(rented.Context, ids), _projection, cancellationToken)
            .ConfigureAwait(false);
        rows.AddRange(loaded.Select(row => new StoredRow<TState>(map.Key.ToId(row.Key), row.Version, row.State)));
        return rows;
    }
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
        var isOrdered = Owned.HasTables(context.Model.FindEntityType(typeof(TState))!);
        var tracked = isOrdered ? rows.AsTracking() : rows.AsNoTracking();
        var loaded = await tracked.Select(projection).ToListAsync(cancellationToken).ConfigureAwait(false);
        if (isOrdered)
        {
            foreach (var row in loaded)
            {
                Owned.Sort(context.Entry(row.State));
            }

            context.ChangeTracker.Clear();
        }

        return loaded;
    }

    /// <summary><c>EF.Property&lt;T&gt;(row, "Name")</c>, which reads shadow properties too.</summary>
    public static Expression Property(Expression row, IProperty property)
        => Expression.Call(typeof(EF), nameof(EF.Property), [property.ClrType], row, Expression.Constant(property.Name));
}

/// <summary>What an entity owns, as the model says.</summary>
internal static class Owned
{
    public static bool IsOwning(INavigation navigation) => navigation.TargetEntityType.IsOwned() && !navigation.IsOnDependent;

    public static List<object> Items(INavigation navigation, object entity)
    {
        var value = navigation.GetGetter().GetClrValue(entity);
        return value is null ? [] : navigation.IsCollection ? [.. (IEnumerable<object>)value] : [value];
    }

    /// <summary>Whether it owns collections that have rows of their own, of the types that derive from it, too.</summary>
    public static bool HasTables(IEntityType type) => type.GetDerivedTypesInclusive()
        .SelectMany(static one => one.GetDeclaredNavigations().Concat(one.BaseType?.GetNavigations() ?? []))
        .Where(IsOwning)
        .Any(navigation => !navigation.TargetEntityType.IsMappedToJson()
            && (navigation.IsCollection || HasTables(navigation.TargetEntityType)));

    /// <summary>
    /// Puts rows of owned collections into the order of their keys, which without keys of the application's own is that of the inserts. EF
    /// Core asks for no order within a collection, and a table has none.
    /// </summary>
    public static void Sort(EntityEntry entry)
    {
        foreach (var navigation in entry.Metadata.GetNavigations().Where(IsOwning))
        {
            if (navigation.TargetEntityType.IsMappedToJson())
            {
                continue;
            }

            if (!navigation.IsCollection)
            {
                if (entry.Reference(navigation.Name).TargetEntry is { } part)
                {
                    Sort(part);
                }

                continue;
            }

            var items = Items(navigation, entry.Entity).ConvertAll(item => entry.Collection(navigation.Name).FindEntry(item)!);
            var (accessor, sorted) = (navigation.GetCollectionAccessor()!, InOrder(navigation, items));
            if (!sorted.SequenceEqual(items))
            {
                items.ForEach(item => accessor.Remove(entry.Entity, item.Entity));
                sorted.ForEach(item => accessor.Add(entry.Entity, item.Entity, forMaterialization: true));
            }

            items.ForEach(Sort);
        }
    }

    private static List<EntityEntry> InOrder(INavigation navigation, List<EntityEntry> items)
    {
        var key = navigation.TargetEntityType.FindPrimaryKey()!.Properties
            .Except(navigation.ForeignKey.Properties)
            .Where(static property => property.ClrType.IsAssignableTo(typeof(IComparable)));
        return [.. key.Aggregate(
            items.OrderBy(static _ => 0), static (sorted, property) => sorted.ThenBy(item => item.Property(property.Name).CurrentValue))];
    }
}
