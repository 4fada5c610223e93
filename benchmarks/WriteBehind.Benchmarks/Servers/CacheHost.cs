using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Caching;
using WriteBehind.Engine;
using WriteBehind.RateLimits;

namespace WriteBehind.Benchmarks.Servers;

/// <summary>
/// A node with caches and rate limits in this process, with default settings unless said otherwise. It writes nothing behind.
/// </summary>
public sealed class CacheHost : IAsyncDisposable
{
    /// <summary>A limit that the load stays below: a decision has to be made, and admits.</summary>
    public const string WideLimit = "wide";

    /// <summary>A limit that the load is always above.</summary>
    public const string NarrowLimit = "narrow";

    /// <summary>The window of the wide one.</summary>
    public static readonly TimeSpan WideWindow = TimeSpan.FromSeconds(0.5);

    private const string WithFirstLevel = "front";
    private const string WithoutFirstLevel = "bare";

    private readonly ServiceProvider _services;

    private CacheHost(ServiceProvider services) => _services = services;

    public ICache Cache => _services.GetRequiredKeyedService<ICache>(WithFirstLevel);

    /// <summary>Without a first level.</summary>
    public ICache BareCache => _services.GetRequiredKeyedService<ICache>(WithoutFirstLevel);

    public IRateLimits Limits => _services.GetRequiredService<IRateLimits>();

    /// <param name="workspace">Where its data goes.</param>
    public static async Task<CacheHost> StartAsync(Workspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        var services = new ServiceCollection();
        services.AddWriteBehindEngine(options => options.KeyPrefix = workspace.Prefix)
            .UseRedis(workspace.Redis)
            .AddCache(WithFirstLevel)
            .AddCache(WithoutFirstLevel, cache => cache.LocalCapacity = 0)
            .AddRateLimit(WideLimit, limit =>
            {
                limit.Permits = LimitOptions.MostPermits;
                limit.Window = WideWindow;

                // A pause of the machine must not turn into a while of unchecked decisions, which cost next to nothing.
                limit.Timeout = TimeSpan.FromSeconds(30);
            })
            .AddRateLimit(NarrowLimit);
        var host = new CacheHost(services.BuildServiceProvider());
        await host._services.GetRequiredService<IEngineControl>().StartAsync(CancellationToken.None);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.GetRequiredService<IEngineControl>().StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
    }
}
