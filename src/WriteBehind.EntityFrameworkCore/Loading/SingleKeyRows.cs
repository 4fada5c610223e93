using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Loading;

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
