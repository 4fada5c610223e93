using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Mapping;

/// <summary>Why an entity type can't be carried by arrays, as the parts of a sentence; none where it can.</summary>
internal static class TrackedReasons
{
    public static IEnumerable<string> Of(IEntityType entity, IReadOnlyList<MappedProperty> properties)
    {
        if (entity.BaseType is not null || entity.GetDirectlyDerivedTypes().Any())
        {
            yield return "it is part of an inheritance hierarchy";
        }

        if (entity.GetMappingFragments(StoreObjectType.Table).Any())
        {
            yield return "it is split over several tables";
        }

        if ((entity.GetInsertStoredProcedure() ?? entity.GetUpdateStoredProcedure() ?? entity.GetDeleteStoredProcedure()) is not null)
        {
            yield return "it is written by stored procedures";
        }

        foreach (var owned in entity.GetNavigations().Where(n => n.TargetEntityType.IsOwned()))
        {
            yield return $"{owned.Name} is an owned type";
        }

        foreach (var complex in entity.GetComplexProperties())
        {
            yield return $"{complex.Name} is a complex type";
        }

        foreach (var property in properties)
        {
            if (property.Property.IsIndexerProperty())
            {
                yield return $"{property.Property.Name} is an indexer property";
            }
            else if (property.Wire is null)
            {
                yield return $"{property.Property.Name} ({property.Property.GetRelationalTypeMapping().StoreType}) does not fit into an array";
            }
            else if (property.Property.GetAfterSaveBehavior() == PropertySaveBehavior.Throw && !property.Property.IsKey())
            {
                yield return $"{property.Property.Name} must not change after the insert";
            }
        }
    }
}
