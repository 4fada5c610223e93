using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Verification;

/// <summary>A table as the model has it.</summary>
/// <param name="Name">The table as SQL writes it.</param>
/// <param name="Columns">Its columns and their store types.</param>
/// <param name="KeyColumns">The columns that must be unique together.</param>
/// <param name="VersionColumn">The column of the version; null where this table has none (that of an owned type).</param>
/// <param name="WrittenColumns">The columns that flushes write.</param>
internal sealed record ExpectedTable(
    string Name,
    IReadOnlyDictionary<string, string> Columns,
    IReadOnlyCollection<string> KeyColumns,
    string? VersionColumn,
    IReadOnlySet<string> WrittenColumns)
{
    /// <summary>The tables of a mapped entity type: its main one first, then those it is split over or owns.</summary>
    public static IReadOnlyList<ExpectedTable> Of(EntityMap map)
    {
        var tables = new List<ExpectedTable>();
        Collect(map.EntityType, map, tables);
        return tables;
    }

    /// <summary>The generic table.</summary>
    public static ExpectedTable OfDocuments(IEntityType documents)
    {
        var table = documents.GetTableMappings().Single().Table;
        var columns = ColumnsOf(table);
        return new ExpectedTable(SqlName.Table(table.Schema, table.Name), columns, ["type", "id"], "version", columns.Keys.ToHashSet());
    }

    private static void Collect(IEntityType entity, EntityMap map, List<ExpectedTable> tables)
    {
        foreach (var mapping in entity.GetTableMappings())
        {
            var name = SqlName.Table(mapping.Table.Schema, mapping.Table.Name);
            if (tables.Any(known => known.Name == name))
            {
                continue;
            }

            var columns = ColumnsOf(mapping.Table);
            var isMain = name == map.Table;
            tables.Add(new ExpectedTable(
                name,
                columns,
                mapping.Table.PrimaryKey is { } key ? [.. key.Columns.Select(c => c.Name)] : [],
                isMain ? map.VersionColumn : null,
                isMain && map.TrackedReasons.Count == 0 ? WrittenInBulk(map) : WrittenBySaveChanges(mapping.Table)));
        }

        foreach (var owned in entity.GetNavigations().Where(n => n.TargetEntityType.IsOwned() && !n.IsOnDependent))
        {
            Collect(owned.TargetEntityType, map, tables);
        }
    }

    private static HashSet<string> WrittenInBulk(EntityMap map)
        => [.. map.Key.Columns.Select(c => c.Name), map.VersionColumn, .. map.Properties.Select(p => p.Column!)];

    private static HashSet<string> WrittenBySaveChanges(ITable table)
        => [.. table.Columns.Where(column => !IsGenerated(column)).Select(column => column.Name)];

    private static bool IsGenerated(IColumn column)
        => column.PropertyMappings.Any(mapping => mapping.Property.ValueGenerated.HasFlag(ValueGenerated.OnUpdate));

    // xmin and its like are there always, and in no list of columns.
    private static Dictionary<string, string> ColumnsOf(ITable table)
        => table.Columns
            .Where(column => column.Name is not ("xmin" or "xmax" or "ctid" or "tableoid" or "cmin" or "cmax"))
            .ToDictionary(column => column.Name, column => column.StoreType);
}
