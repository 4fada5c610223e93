using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Hosting;

/// <summary>A context for one operation, with its scope.</summary>
/// <param name="scope">The scope.</param>
/// <param name="context">The context.</param>
/// <param name="own">The same where the scope does not dispose it.</param>
/// <param name="connection">The context's connection.</param>
internal sealed class ContextLease(AsyncServiceScope scope, DbContext context, DbContext? own, NpgsqlConnection connection)
    : IAsyncDisposable, IDisposable
{
    public DbContext Context => context;

    public NpgsqlConnection Connection => connection;

    /// <summary>
    /// Opens the context's connection. Past the context's execution strategy: retrying is the flush pipeline's, which knows about
    /// leases and other batches.
    /// </summary>
    public Task OpenAsync(CancellationToken cancellationToken)
        => context.GetService<IRelationalConnection>().OpenAsync(cancellationToken, errorsExpected: true);

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
