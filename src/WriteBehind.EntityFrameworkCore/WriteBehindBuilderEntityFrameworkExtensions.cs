using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Sink;

namespace WriteBehind;

/// <summary>Saves to PostgreSQL over an EF Core model.</summary>
public static class WriteBehindBuilderEntityFrameworkExtensions
{
    /// <summary>
    /// Saves to and loads from PostgreSQL as the model of <typeparamref name="TContext"/> says. The context may be registered with
    /// <c>AddDbContext</c>, <c>AddDbContextPool</c> or either of the factories; each operation takes one from a scope of its own
    /// and uses its connection.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="configure">Changes the settings.</param>
    public static WriteBehindBuilder UseEntityFramework<TContext>(
        this WriteBehindBuilder builder, Action<EntityFrameworkSinkOptions>? configure = null)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddOptions<EntityFrameworkSinkOptions>().Configure(configure ?? (static _ => { }));
        return builder.UseSink<EntityFrameworkSinkFactory<TContext>>();
    }
}
