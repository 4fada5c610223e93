using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Keys;
using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Rows by a key of several columns: a join with the keys as rows.</summary>
internal sealed class CompositeKeyRows<TState>(EntityMap map) : IRowSource<TState>
    where TState : class
{
    private readonly string _sql = Sql(map);

    public IQueryable<TState> Rows(DbContext context, IReadOnlyList<string> ids)
    {
        var keys = new KeySet(map.Key, ids.Count);
        foreach (var id in ids)
        {
            _ = keys.TryAdd(id, version: 0, position: 0);
        }

        using var carrier = new NpgsqlCommand();
        keys.AddKeysTo(carrier.Parameters);
        var parameters = carrier.Parameters.ToArray<object>();
        carrier.Parameters.Clear();
        return context.Set<TState>().FromSqlRaw(_sql, parameters).IgnoreQueryFilters();
    }

    private static string Sql(EntityMap map)
    {
        var keys = map.Key.Columns;
        var arrays = string.Join(", ", keys.Select((c, i) => $"{{{i}}}::{c.SqlType}[]"));
        var aliases = string.Join(", ", keys.Select((_, i) => $"k{i}"));
        var here = string.Join(" AND ", keys.Select((c, i) => $"t.{SqlName.AsFormat(SqlName.Quote(c.Name))} = i.k{i}"));

        // System columns are not part of "*".
        var token = map.EntityType.GetProperties().Any(p => p.GetColumnName() == "xmin") ? ", t.xmin" : "";
        return $"SELECT t.*{token} FROM {SqlName.AsFormat(map.Table)} AS t JOIN unnest({arrays}) AS i({aliases}) ON {here}";
    }
}
