using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Keys;

namespace WriteBehind.EntityFrameworkCore.Mapping;

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
        => EntityType.GetTableMappings().Count() > 1 || EntityType.GetDerivedTypes().Any(t => t.GetTableName() != EntityType.GetTableName());

    /// <summary>For the log: which table, which key, which version column, by which way and why.</summary>
    public string Describe()
    {
        var way = TrackedReasons.Count == 0 ? "bulk upsert" : $"SaveChanges, because {string.Join("; ", TrackedReasons)}";
        var left = LeftToDatabase.Count == 0 ? "" : $"; left to the database: {string.Join(", ", LeftToDatabase.Select(p => p.Name))}";
        return $"table {Table} (key {string.Join(", ", Key.Columns.Select(c => c.Name))}, version {VersionColumn}) by {way}{left}";
    }
}
