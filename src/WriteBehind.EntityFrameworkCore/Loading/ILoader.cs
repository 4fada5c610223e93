using Microsoft.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>A way of loading rows: through the model, or from the generic table.</summary>
internal interface ILoader<TState>
    where TState : class
{
    /// <summary>Loads the rows of ids that are keys of the table, over an open connection.</summary>
    Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(RentedContext rented, IReadOnlyList<string> ids, CancellationToken cancellationToken);
}

/// <summary>
/// Queries the rows of ids through the model. The model's filters are left out: a row that a soft-delete filter hid from a load would
/// count as absent, the entity would start again at version 1, and every flush of it would be fenced by the hidden row.
/// </summary>
internal interface IRowSource<TState>
    where TState : class
{
    /// <summary>The rows of ids that are keys of the table.</summary>
    IQueryable<TState> Rows(DbContext context, IReadOnlyList<string> ids);
}

/// <summary>A row as a query gives it: the state, its version, and its key as the model has it.</summary>
internal sealed class LoadedRow<TState>
{
    public required TState State { get; init; }

    public required long Version { get; init; }

    public required object[] Key { get; init; }
}
