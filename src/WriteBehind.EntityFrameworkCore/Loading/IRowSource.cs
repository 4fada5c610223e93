using Microsoft.EntityFrameworkCore;

namespace WriteBehind.EntityFrameworkCore.Loading;

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
