using WriteBehind.EntityFrameworkCore.Hosting;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>A way of loading rows: through the model, or from the generic table.</summary>
internal interface ILoader<TState>
    where TState : class
{
    /// <summary>Loads the rows of ids that are keys of the table, over an open connection.</summary>
    Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(ContextLease lease, IReadOnlyList<string> ids, CancellationToken cancellationToken);
}
