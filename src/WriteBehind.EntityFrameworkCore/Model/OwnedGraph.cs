using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>Walks what an entity owns, as the model says, and nothing beyond.</summary>
internal static class OwnedGraph
{
    /// <summary>
    /// Takes references to other entities out of a copy and of all it owns, so that EF Core does not save them along, and collects the
    /// objects that remain.
    /// </summary>
    public static void DropOtherEntities(EntityEntry root, HashSet<object> kept) => DropOtherEntities(root.Entity, root.Metadata, kept);

    /// <summary>
    /// Puts what the copy owns in the place of what the row owns. Wholly: a state has no identity for its parts, so there is nothing to
    /// compare them by.
    /// </summary>
    public static void Replace(EntityEntry row, EntityEntry copy)
    {
        foreach (var navigation in row.Metadata.GetNavigations().Where(IsOwning))
        {
            if (navigation.IsCollection)
            {
                ReplaceCollection(row, navigation, Items(navigation, copy.Entity));
            }
            else
            {
                row.Reference(navigation.Name).CurrentValue = copy.Reference(navigation.Name).CurrentValue;
            }
        }
    }

    /// <summary>Whether it leads to a part of the entity.</summary>
    public static bool IsOwning(INavigation navigation) => navigation.TargetEntityType.IsOwned() && !navigation.IsOnDependent;

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

    private static List<object> Items(INavigation navigation, object entity)
    {
        var value = navigation.GetGetter().GetClrValue(entity);
        return value is null ? [] : navigation.IsCollection ? [.. (IEnumerable<object>)value] : [value];
    }

    private static void ReplaceCollection(EntityEntry row, INavigation navigation, List<object> items)
    {
        var collection = navigation.GetCollectionAccessor()!;
        foreach (var item in Items(navigation, row.Entity))
        {
            collection.Remove(row.Entity, item);
        }

        foreach (var item in items)
        {
            collection.Add(row.Entity, item, forMaterialization: false);
        }
    }

    private static void DropOtherEntities(object entity, ITypeBase type, HashSet<object> kept)
    {
        if (!kept.Add(entity) || type is not IEntityType entityType)
        {
            return;
        }

        foreach (var navigation in entityType.GetNavigations())
        {
            if (IsOwning(navigation))
            {
                foreach (var owned in Items(navigation, entity))
                {
                    DropOtherEntities(owned, navigation.TargetEntityType, kept);
                }
            }
            else if (!navigation.IsCollection)
            {
                Clear(navigation, entity);
            }
            else
            {
                foreach (var other in Items(navigation, entity))
                {
                    navigation.GetCollectionAccessor()!.Remove(entity, other);
                }
            }
        }
    }

    private static void Clear(INavigation navigation, object entity)
    {
        if (navigation.FieldInfo is { } field)
        {
            field.SetValue(entity, null);
        }
        else
        {
            navigation.PropertyInfo?.SetValue(entity, null);
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
