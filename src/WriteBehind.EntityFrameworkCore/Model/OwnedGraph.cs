using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Loading;

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
        foreach (var navigation in row.Metadata.GetNavigations().Where(Owned.IsOwning))
        {
            if (navigation.IsCollection)
            {
                ReplaceCollection(row, navigation, Owned.Items(navigation, copy.Entity));
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
        foreach (var item in Owned.Items(navigation, row.Entity))
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
            if (Owned.IsOwning(navigation))
            {
                foreach (var owned in Owned.Items(navigation, entity))
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
                foreach (var other in Owned.Items(navigation, entity))
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
}
