using WriteBehind.EntityFrameworkCore.Guards;
using WriteBehind.Sinks;

namespace WriteBehind.EntityFrameworkCore.Hosting;

/// <summary>A way of saving batches: in bulk, or through SaveChanges.</summary>
internal interface ISaver<TState>
    where TState : class
{
    /// <summary>
    /// Saves a batch as <see cref="IEntitySink{TState}.SaveAsync"/> says, over an open connection; failures are thrown as they come.
    /// </summary>
    Task<SaveResult[]> SaveAsync(
        ContextLease lease, IReadOnlyList<SaveItem<TState>> items, FlushTerms terms, CancellationToken cancellationToken);
}
