using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Hosting;

/// <summary>Hands out contexts, each from a scope of its own.</summary>
internal abstract class ContextSource
{
    /// <summary>A context whose connection is not open yet.</summary>
    /// <exception cref="ConfigurationException">The context is not registered, or is not one of PostgreSQL.</exception>
    public abstract ContextLease Take();
}

/// <inheritdoc />
internal sealed class ContextSource<TContext>(IServiceScopeFactory scopes) : ContextSource
    where TContext : DbContext
{
    public override ContextLease Take()
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
            return new ContextLease(scope, context, own, connection ?? throw new ConfigurationException(
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
