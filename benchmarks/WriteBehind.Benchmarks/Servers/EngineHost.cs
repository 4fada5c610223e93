using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Benchmarks.Measuring;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Engine;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>An engine in this process, with default settings unless said otherwise.</summary>
public sealed class EngineHost : IAsyncDisposable
{
    public const string Type = "product";

    private readonly ServiceProvider _services;

    private EngineHost(ServiceProvider services) => _services = services;

    public IWriteBehindEngine Engine => _services.GetRequiredService<IWriteBehindEngine>();

    public IEntityStore<Product> Store => Engine.Store<Product>();

    public EntityTypeOptions<Product> Options => (EntityTypeOptions<Product>)Engine.OptionsOf(Type);

    /// <summary>A sink of its own, as the engine has one.</summary>
    public IEntitySink<Product> CreateSink() => _services.GetRequiredService<IEntitySinkFactory>().Create(Options);

    /// <param name="workspace">Where its data goes.</param>
    /// <param name="sweeps">Whether it flushes by itself.</param>
    /// <param name="entity">Changes the settings of the type.</param>
    public static async Task<EngineHost> StartAsync(Workspace workspace, bool sweeps, Action<EntityTypeOptions<Product>>? entity = null)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        var services = new ServiceCollection();
        services.AddDbContextFactory<ShopContext>(options => options.UseNpgsql(workspace.Database));
        services.AddWriteBehindEngine(options =>
            {
                options.KeyPrefix = workspace.Prefix;
                options.Sweep = sweeps;
                options.DrainTimeout = TimeSpan.Zero;
            })
            .UseRedis(workspace.Redis)
            .UseEntityFramework<ShopContext>()
            .AddEntity<Product>(Type, options =>
            {
                // A million dirty entities are a case here, and the bound is checked shard by shard.
                options.MaxDirty = 4_000_000;
                entity?.Invoke(options);
            });
        var host = new EngineHost(services.BuildServiceProvider());
        await host._services.GetRequiredService<IEngineControl>().StartAsync(CancellationToken.None);
        return host;
    }

    /// <summary>Makes these entities dirty, each with one write.</summary>
    public async Task FillAsync(IReadOnlyList<string> ids)
    {
        var next = -1;
        await ClosedLoop.RunAsync(2_048, ids.Count, async (_, _) =>
        {
            var id = ids[Interlocked.Increment(ref next)];
            var session = Store.OpenSession(id);
            await session.LoadAsync();
            await session.SaveAsync(Product.New(id));
        });
    }

    /// <summary>Flushes everything; throws where something remains.</summary>
    public async Task<long> FlushAllAsync()
    {
        var report = await Engine.FlushAllAsync(TimeSpan.FromMinutes(5));
        return report.IsClean ? report.Flushed : throw new InvalidOperationException("Not everything could be flushed.");
    }

    public async ValueTask DisposeAsync()
    {
        await _services.GetRequiredService<IEngineControl>().StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
    }
}
