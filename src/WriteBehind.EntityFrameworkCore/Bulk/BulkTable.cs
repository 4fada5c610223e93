using System.Linq.Expressions;
using System.Reflection;
using WriteBehind.EntityFrameworkCore.Keys;
using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Bulk;

/// <summary>A table that is written with arrays.</summary>
/// <param name="Name">The table as SQL writes it.</param>
/// <param name="Key">The key columns that come from the id.</param>
/// <param name="FixedKey">Key columns whose value is the same for every row of the entity type: name and SQL literal.</param>
/// <param name="VersionColumn">The column of the version.</param>
/// <param name="Columns">The other columns.</param>
/// <param name="TouchedColumn">A column that takes the database's clock with each write; null for none.</param>
internal sealed record BulkTable<TState>(
    string Name,
    TableKey Key,
    KeyValuePair<string, string>? FixedKey,
    string VersionColumn,
    IReadOnlyList<BulkColumn<TState>> Columns,
    string? TouchedColumn)
{
    private static readonly MethodInfo CreateMethod =
        typeof(BulkTable<TState>).GetMethod(nameof(CreateColumn), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>The table of a mapped entity type, whose properties all fit into arrays.</summary>
    public static BulkTable<TState> From(EntityMap map)
        => new(map.Table, map.Key, null, map.VersionColumn, [.. map.Properties.Select(Column)], null);

    private static BulkColumn<TState> Column(MappedProperty property)
    {
        var read = PropertyReader.Build<TState>(property.Property, property.Wire!);
        return (BulkColumn<TState>)CreateMethod.MakeGenericMethod(read.ReturnType).Invoke(null, [property, read])!;
    }

    private static BulkColumn<TState, T> CreateColumn<T>(MappedProperty property, LambdaExpression read)
        => new(property.Column!, property.Wire!, property.InsertOnly, ((Expression<Func<TState, T>>)read).Compile());
}
