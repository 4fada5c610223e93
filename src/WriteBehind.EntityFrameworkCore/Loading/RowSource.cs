using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
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
        // A member of a constant becomes a parameter of the query, whose text then is the same for any keys; a constant would not.
        var wanted = Expression.Property(Expression.Constant(new Wanted(KeysOf(ids))), nameof(Wanted.Keys));
        return context.Set<TState>().IgnoreQueryFilters().Where(IsAmong(wanted));
    }

    public CompiledRows<TState> Compile(Expression<Func<TState, LoadedRow<TState>>> projection)
    {
        Expression<Func<DbContext, IQueryable<TState>>> all = context => context.Set<TState>().IgnoreQueryFilters().AsNoTracking();
        var keys = Expression.Parameter(typeof(TKey[]), "keys");
        var rows = Expression.Call(
            typeof(Queryable), nameof(Queryable.Where), [typeof(TState)], all.Body, Expression.Quote(IsAmong(keys)));
        var query = Expression.Lambda<Func<DbContext, TKey[], IQueryable<LoadedRow<TState>>>>(
            Expression.Call(
                typeof(Queryable),
                nameof(Queryable.Select),
                [typeof(TState), typeof(LoadedRow<TState>)],
                rows,
                Expression.Quote(projection)),
            all.Parameters[0],
            keys);

        // One for each model: a compiled query belongs to the model of its first call, and contexts of a type may differ in theirs.
        var ofModels = new ConditionalWeakTable<IModel, Func<DbContext, TKey[], IAsyncEnumerable<LoadedRow<TState>>>>();
        return (context, ids) => ofModels.GetValue(context.Model, _ => EF.CompileAsyncQuery(query))(context, KeysOf(ids));
    }

    private TKey[] KeysOf(IReadOnlyList<string> ids)
    {
        var keys = new TKey[ids.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = (TKey)map.Key.Columns[0].ToModel(ids[i]);
        }

        return keys;
    }

    private Expression<Func<TState, bool>> IsAmong(Expression keys)
    {
        var row = Expression.Parameter(typeof(TState), "row");
        var isAmong = Expression.Call(
            typeof(Enumerable), nameof(Enumerable.Contains), [typeof(TKey)], keys, ModelQuery.Property(row, map.KeyProperties[0]));
        return Expression.Lambda<Func<TState, bool>>(isAmong, row);
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

    /// <summary>The arrays of its SQL are no parameters that such a query could have.</summary>
    public CompiledRows<TState>? Compile(Expression<Func<TState, LoadedRow<TState>>> projection) => null;

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
