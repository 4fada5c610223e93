using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Saving;

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

    private static bool IsOwning(INavigation navigation) => navigation.TargetEntityType.IsOwned() && !navigation.IsOnDependent;

    private static List<object> Items(INavigation navigation, object entity)
    {
        var value = navigation.GetGetter().GetClrValue(entity);
        return value is null ? [] : navigation.IsCollection ? [.. (IEnumerable<object>)value] : [value];
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
}
