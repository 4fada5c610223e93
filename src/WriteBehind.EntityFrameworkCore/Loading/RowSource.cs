using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Chooses how the rows of a mapped type are queried.</summary>
internal static class RowSource
{
    /// <exception cref="ConfigurationException">A composite key over several tables: no one query of ours can ask for its rows.</exception>
    public static IRowSource<TState> Of<TState>(EntityMap map, string type)
        where TState : class
    {
        if (map.KeyProperties.Count == 1)
        {
            var source = typeof(SingleKeyRows<,>).MakeGenericType(typeof(TState), map.KeyProperties[0].ClrType);
            return (IRowSource<TState>)Activator.CreateInstance(source, map)!;
        }

        return map.SpansTables
            ? throw new ConfigurationException(
                "HasKey",
                $"Entity type '{type}' can't be loaded: {map.EntityType.Name} has a key of several columns and is spread over several " +
                "tables. Give it a key of one column, or keep it in one table.",
                type)
            : new CompositeKeyRows<TState>(map);
    }
}

/// <summary>Rows by a key of one column: <c>WHERE key = ANY(array)</c>.</summary>
internal sealed class SingleKeyRows<TState, TKey>(EntityMap map) : IRowSource<TState>
    where TState : class
{
    public IQueryable<TState> Rows(DbContext context, IReadOnlyList<string> ids)
    {
        var keys = new TKey[ids.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = (TKey)map.Key.Columns[0].ToModel(ids[i]);
        }

        // A member of a constant becomes a parameter of the query, whose text then is the same for any keys; a constant would not.
        var row = Expression.Parameter(typeof(TState), "row");
        var wanted = Expression.Property(Expression.Constant(new Wanted(keys)), nameof(Wanted.Keys));
        var isWanted = Expression.Call(
            typeof(Enumerable), nameof(Enumerable.Contains), [typeof(TKey)], wanted, ModelQuery.Property(row, map.KeyProperties[0]));
        return context.Set<TState>().IgnoreQueryFilters().Where(Expression.Lambda<Func<TState, bool>>(isWanted, row));
    }

    private sealed record Wanted(TKey[] Keys);
}

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
