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
    /// <exception cref="ConfigurationException">The context is not registered, or is not one of PostgreSQL.</exception>
    public abstract RentedContext Rent();
}

/// <inheritdoc />
internal sealed class ContextSource<TContext>(IServiceScopeFactory scopes) : ContextSource
    where TContext : DbContext
{
    public override RentedContext Rent()
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
                "Configure the context with UseNpgsql."));
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
