using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Model;
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

    /// <summary>
    /// The same, untracked, as a query that EF Core translates once instead of looking each one up by its expressions: with few rows that
    /// is a good part of what a load costs. Null where it can't.
    /// </summary>
    CompiledRows<TState>? Compile(Expression<Func<TState, LoadedRow<TState>>> projection);
}

/// <summary>A query of rows by their ids.</summary>
internal delegate IAsyncEnumerable<LoadedRow<TState>> CompiledRows<TState>(DbContext context, IReadOnlyList<string> ids);

/// <summary>A row as a query gives it: the state, its version, and its key as the model has it.</summary>
internal sealed class LoadedRow<TState>
{
    public required TState State { get; init; }

    public required long Version { get; init; }

    public required object[] Key { get; init; }
}

/// <summary>Loads the versions of rows past the model, so that no other column needs to be readable.</summary>
/// <param name="key">The table's key.</param>
/// <param name="lookUpSql">The look-up; parameters as for <see cref="Saving.BulkStatements.LookUp"/>.</param>
internal sealed class VersionLoader(TableKey key, string lookUpSql)
{
    /// <summary>Loads the versions there are; an id that is no key of the table has none.</summary>
    public async Task<IReadOnlyList<StoredVersion>> LoadAsync(
        RentedContext rented, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new KeySet(key, ids.Count);
        for (var i = 0; i < ids.Count; i++)
        {
            _ = rows.TryAdd(ids[i], version: 0, position: i);
        }

        var versions = new List<StoredVersion>(rows.Count);
        if (rows.Count == 0)
        {
            return versions;
        }

        var command = new NpgsqlCommand(lookUpSql, rented.Connection);
        await using (command.ConfigureAwait(false))
        {
            rows.AddKeysTo(command.Parameters);
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    versions.Add(new StoredVersion(ids[rows.Position((int)reader.GetInt64(0) - 1)], reader.GetInt64(1)));
                }
            }
        }

        return versions;
    }
}
