using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Sql;

/// <summary>Hands out contexts, each from a scope of its own.</summary>
internal abstract class ContextSource
{
    /// <summary>A context whose connection is not open yet.</summary>
    /// <param name="mayPrepare">Whether statements may be prepared on it.</param>
    /// <exception cref="ConfigurationException">The context is not registered, or is not one of PostgreSQL.</exception>
    public abstract RentedContext Rent(bool mayPrepare = true);
}

/// <inheritdoc />
internal sealed class ContextSource<TContext>(IServiceScopeFactory scopes) : ContextSource
    where TContext : DbContext
{
    public override RentedContext Rent(bool mayPrepare = true)
    {
        var scope = scopes.CreateAsyncScope();
        try
        {
            // AddPooledDbContextFactory registers the factory alone.
            var context = scope.ServiceProvider.GetService<TContext>();
            var own = context is null ? scope.ServiceProvider.GetService<IDbContextFactory<TContext>>()?.CreateDbContext() : null;
            context ??= own ?? throw new ConfigurationException(
                "UseEntityFramework",
                $"{typeof(TContext).Name} is not registered. Add it with AddDbContext, AddDbContextPool or AddDbContextFactory.");
            var connection = context.Database.IsNpgsql() ? context.Database.GetDbConnection() as NpgsqlConnection : null;
            return new RentedContext(scope, context, own, connection ?? throw new ConfigurationException(
                "UseEntityFramework",
                $"{typeof(TContext).Name} does not use PostgreSQL through Npgsql, which is the only database this sink works with. " +
                "Configure the context with UseNpgsql."))
            {
                MayPrepare = mayPrepare,
            };
        }
        catch
        {
            scope.Dispose();
            throw;
        }
    }
}

/// <summary>A context for one operation, with its scope.</summary>
/// <param name="scope">The scope.</param>
/// <param name="context">The context.</param>
/// <param name="own">The same where the scope does not dispose it.</param>
/// <param name="connection">The context's connection.</param>
internal sealed class RentedContext(AsyncServiceScope scope, DbContext context, DbContext? own, NpgsqlConnection connection)
    : IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan RepairPatience = TimeSpan.FromSeconds(5);

    public DbContext Context => context;

    public NpgsqlConnection Connection => connection;

    /// <summary>Whether statements may be prepared on the connection: not in a last try after prepared ones have failed.</summary>
    public bool MayPrepare { get; init; } = true;

    /// <summary>
    /// Opens the context's connection. Past the context's execution strategy: retrying is the flush pipeline's, which knows about
    /// leases and other batches.
    /// </summary>
    public Task OpenAsync(CancellationToken cancellationToken)
        => context.GetService<IRelationalConnection>().OpenAsync(cancellationToken, errorsExpected: true);

    /// <summary>
    /// Has the connection forget its prepared statements, so that it is fit for its pool again. Npgsql notes them in a list of its own,
    /// which parts from what the server has: where one parameter of a batch can't be written, it takes the batch's other statements for
    /// prepared though nothing was sent, and whoever gets the connection next fails with 26000. Does nothing where the connection is
    /// broken.
    /// </summary>
    public async Task ForgetPreparedAsync()
    {
        if (connection.FullState != ConnectionState.Open)
        {
            return;
        }

        // In a transaction that has failed nothing else is taken.
        var rollback = new NpgsqlCommand("ROLLBACK", connection) { CommandTimeout = (int)RepairPatience.TotalSeconds };
        await using (rollback.ConfigureAwait(false))
        {
            await rollback.ExecuteNonQueryAsync().ConfigureAwait(false);
        }

        connection.UnprepareAll();
    }

    /// <summary>Gives the connection back to its pool, which rolls back what a failed batch left open.</summary>
    public async ValueTask DisposeAsync()
    {
        if (own is not null)
        {
            await own.DisposeAsync().ConfigureAwait(false);
        }

        await scope.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The same where the connection was never opened.</summary>
    public void Dispose()
    {
        own?.Dispose();
        scope.Dispose();
    }
}

/// <summary>A context whose connection is open.</summary>
internal sealed class OpenedContext : IAsyncDisposable
{
    /// <summary>How long other connections are waited for. A small pool may have none.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>How many are passed over at most.</summary>
    private const int MostKept = 2;

    private readonly IReadOnlyList<RentedContext> _kept;

    private OpenedContext(RentedContext rented, IReadOnlyList<RentedContext> kept) => (Rented, _kept) = (rented, kept);

    public RentedContext Rented { get; }

    public static async Task<OpenedContext> OpenAsync(ContextSource contexts, bool mayPrepare, CancellationToken cancellationToken)
        => new(await RentAsync(contexts, mayPrepare, cancellationToken).ConfigureAwait(false), []);

    /// <summary>
    /// Opens another connection than the one that answered last, for a second question. What the pool gives before is kept busy with a
    /// transaction meanwhile: the one that answered last; and behind a pooler the first, which has the backend that would be next.
    /// </summary>
    /// <param name="contexts">Where contexts come from.</param>
    /// <param name="mayPrepare">Whether statements may be prepared.</param>
    /// <param name="last">The process id of the connection that answered last.</param>
    /// <param name="poolers">Knows of poolers.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<OpenedContext> ElsewhereAsync(
        ContextSource contexts, bool mayPrepare, int last, PoolerWatch poolers, CancellationToken cancellationToken)
    {
        var kept = new List<RentedContext>();
        try
        {
            var next = await RentAsync(contexts, mayPrepare, cancellationToken).ConfigureAwait(false);
            kept.Add(next);
            var isBetween = await poolers.IsBetweenAsync(next.Connection, cancellationToken).ConfigureAwait(false);
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            soon.CancelAfter(Patience);
            while (kept.Count <= MostKept && (next.Connection.ProcessID == last || (isBetween && kept.Count == 1)))
            {
                await RunAsync(next.Connection, "BEGIN READ ONLY", cancellationToken).ConfigureAwait(false);
                if (await TryRentAsync(contexts, mayPrepare, soon.Token).ConfigureAwait(false) is not { } other)
                {
                    next = kept.Find(context => context.Connection.ProcessID != last) ?? next;
                    await RunAsync(next.Connection, "ROLLBACK", cancellationToken).ConfigureAwait(false);
                    break;
                }

                next = other;
                kept.Add(next);
            }

            kept.Remove(next);
            return new OpenedContext(next, kept);
        }
        catch
        {
            await DisposeAsync(kept).ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await DisposeAsync(_kept).ConfigureAwait(false);
        await Rented.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task DisposeAsync(IReadOnlyList<RentedContext> contexts)
    {
        foreach (var context in contexts)
        {
            await context.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task<RentedContext> RentAsync(ContextSource contexts, bool mayPrepare, CancellationToken cancellationToken)
    {
        var rented = contexts.Rent(mayPrepare);
        try
        {
            await rented.OpenAsync(cancellationToken).ConfigureAwait(false);
            return rented;
        }
        catch
        {
            await rented.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>One that has a backend, for which it may have to wait behind a pooler; null where there is none.</summary>
    private static async Task<RentedContext?> TryRentAsync(ContextSource contexts, bool mayPrepare, CancellationToken cancellationToken)
    {
        RentedContext? rented = null;
        try
        {
            rented = await RentAsync(contexts, mayPrepare, cancellationToken).ConfigureAwait(false);
            await RunAsync(rented.Connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
            return rented;
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            if (rented is not null)
            {
                await rented.DisposeAsync().ConfigureAwait(false);
            }

            return null;
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
