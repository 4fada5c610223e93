using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>What the EF Core model says about an entity type, as far as flushing it is concerned.</summary>
/// <param name="EntityType">The mapped type.</param>
/// <param name="Table">The table as SQL writes it.</param>
/// <param name="KeyProperties">The key's properties, in its order.</param>
/// <param name="Key">The key's columns, in the same order.</param>
/// <param name="Version">The property that holds the version.</param>
/// <param name="VersionColumn">Its column.</param>
/// <param name="Properties">The other properties that a flush writes.</param>
/// <param name="LeftToDatabase">Properties that a flush leaves alone, so that the database's defaults and generators do their work.</param>
/// <param name="TrackedReasons">Why arrays can't carry it; empty where they can.</param>
internal sealed record EntityMap(
    IEntityType EntityType,
    string Table,
    IReadOnlyList<IProperty> KeyProperties,
    TableKey Key,
    IProperty Version,
    string VersionColumn,
    IReadOnlyList<MappedProperty> Properties,
    IReadOnlyList<IProperty> LeftToDatabase,
    IReadOnlyList<string> TrackedReasons)
{
    /// <summary>Whether its rows are spread over several tables (TPT, TPC, entity splitting).</summary>
    public bool SpansTables
        => EntityType.GetTableMappings().Count() > 1
            || EntityType.GetDerivedTypes().Any(t => t.GetTableName() != EntityType.GetTableName());

    /// <summary>For the log: which table, which key, which version column, by which way and why.</summary>
    public string Describe()
    {
        var way = TrackedReasons.Count == 0 ? "bulk upsert" : $"SaveChanges, because {string.Join("; ", TrackedReasons)}";
        var left = LeftToDatabase.Count == 0 ? "" : $"; left to the database: {string.Join(", ", LeftToDatabase.Select(p => p.Name))}";
        return $"table {Table} (key {string.Join(", ", Key.Columns.Select(c => c.Name))}, version {VersionColumn}) by {way}{left}";
    }
}

/// <summary>A property that a flush writes.</summary>
/// <param name="Property">The property.</param>
/// <param name="Column">Its column; null where it is in another table than the entity's main one.</param>
/// <param name="Wire">How it travels in arrays; null where it can't.</param>
/// <param name="InsertOnly">Written with the first flush only, as its after-save behaviour says.</param>
internal sealed record MappedProperty(IProperty Property, string? Column, WireType? Wire, bool InsertOnly);

/// <summary>The annotations this package puts into a model.</summary>
internal static class WriteBehindAnnotations
{
    /// <summary>On the property that holds an entity's version.</summary>
    public const string Version = "WriteBehind:Version";
}

/// <summary>What a serializer would make of a state's members.</summary>
internal static class StateMembers
{
    /// <summary>Whether the member is part of the serialised state: a public property that no attribute excludes.</summary>
    public static bool IsSerialised(INavigationBase navigation)
        => navigation.PropertyInfo is { GetMethod.IsPublic: true } property
            && property.GetCustomAttribute<JsonIgnoreAttribute>() is not { Condition: JsonIgnoreCondition.Always };
}
