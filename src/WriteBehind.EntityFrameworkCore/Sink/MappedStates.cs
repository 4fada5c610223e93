using System.Buffers;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Saving;
using WriteBehind.States;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// What the serializer keeps of a state against what its table keeps. A member that only the table has comes out of Redis as its default,
/// and would overwrite the column; one that only the serializer has is gone once the state was flushed.
/// </summary>
internal static class MappedStates
{
    /// <exception cref="ConfigurationException">A member is kept by one of the two alone.</exception>
    public static void Check<TState>(EntityTypeOptions<TState> options, EntityMap map)
        where TState : class
    {
        if (options.Serializer is JsonStateSerializer<TState> json)
        {
            Check(map.EntityType, json.Proof.ContractOf, options.Type, map);
        }
    }

    /// <summary>Why the table can't hold the state; null where it can.</summary>
    public static string? Refuse<TState>(EntityTypeOptions<TState> options, BulkTable<TState>? table, TState state)
        where TState : class
    {
        if (table is not null)
        {
            return table.Columns.FirstOrDefault(column => column.HoldsNul(state)) is { } column
                ? NulText.Refusal($"column \"{column.Name}\"")
                : null;
        }

        if (options.Serializer.Format != JsonStateSerializer<TState>.JsonFormat)
        {
            return null;
        }

        var json = new ArrayBufferWriter<byte>();
        options.Serializer.Serialize(state, json);
        return NulText.PlaceIn(json.WrittenSpan) is { } place ? NulText.Refusal(place) : null;
    }

    private static void Check(ITypeBase mapped, Func<Type, JsonContract> contractOf, string type, EntityMap map)
    {
        var contract = contractOf(mapped.ClrType);
        if (contract.Faults.Count > 0)
        {
            // Said by the engine, for any sink.
            return;
        }

        var properties = mapped.GetProperties().Where(property => !property.IsShadowProperty() && !property.IsIndexerProperty()).ToList();
        foreach (var property in properties)
        {
            if (!IsFromElsewhere(property, map) && !contract.Members.Contains(property.Name))
            {
                throw new ConfigurationException(
                    property.Name,
                    $"The column of '{property.Name}' of {mapped.ClrType.Name} would be overwritten with a default: the member is " +
                    $"mapped, and not part of the serialised state of '{type}'. Take [JsonIgnore] away and give it a setter; or leave it " +
                    "out of the model (Ignore).",
                    type);
            }
        }

        var complex = mapped.GetComplexProperties().ToList();
        var navigations = (mapped as IEntityType)?.GetNavigations().ToList() ?? [];
        HashSet<string> names =
        [
            .. mapped.GetProperties().Select(property => property.Name),
            .. complex.Select(property => property.Name),
            .. navigations.Select(navigation => navigation.Name),
            .. ((mapped as IEntityType)?.GetSkipNavigations() ?? []).Select(navigation => navigation.Name),
        ];
        if (contract.Stored.FirstOrDefault(member => !names.Contains(member)) is { } lost)
        {
            throw new ConfigurationException(
                lost,
                $"'{lost}' of {mapped.ClrType.Name} would be gone after a flush: it is part of the serialised state of '{type}', and no " +
                "column keeps it. Map it, or leave it out of the state with [JsonIgnore].",
                type);
        }

        foreach (var part in complex)
        {
            Check(part.ComplexType, contractOf, type, map);
        }

        foreach (var owned in navigations.Where(navigation => navigation.TargetEntityType.IsOwned() && !navigation.IsOnDependent))
        {
            Check(owned.TargetEntityType, contractOf, type, map);
        }
    }

    /// <summary>
    /// Whether the value does not come from the state: the id gives the key, the engine the version, the database what it makes.
    /// </summary>
    private static bool IsFromElsewhere(IProperty property, EntityMap map)
        => property.IsPrimaryKey() || property == map.Version || EntityMapReader.IsLeftToDatabase(property)
            || (property.DeclaringType is IEntityType owned && owned.IsOwned() && property.IsForeignKey());
}
