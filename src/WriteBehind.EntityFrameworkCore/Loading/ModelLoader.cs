using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Hosting;
using WriteBehind.EntityFrameworkCore.Mapping;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Loads states as EF Core materialises them, untracked, with one query.</summary>
internal sealed class ModelLoader<TState>(EntityMap map, IRowSource<TState> source) : ILoader<TState>
    where TState : class
{
    private readonly Expression<Func<TState, LoadedRow<TState>>> _projection = ModelQuery.Projection<TState>(map);

    public async Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        ContextLease lease, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<StoredRow<TState>>(ids.Count);
        if (ids.Count == 0)
        {
            return rows;
        }

        var query = source.Rows(lease.Context, ids).AsNoTracking().Select(_projection).AsAsyncEnumerable();
        await foreach (var row in query.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            rows.Add(new StoredRow<TState>(map.Key.ToId(row.Key), row.Version, row.State));
        }

        return rows;
    }
}
