using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;
using WriteBehind.Redis;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

/// <summary>A process of a service that has one rate limit and nothing else: no entity type, no database.</summary>
internal sealed class LimitService : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private LimitService(ServiceProvider services) => _services = services;

    public const string Limit = "api";

    public RedisConnections Redis => _services.GetRequiredService<RedisConnections>();

    public IRateLimits Limits => _services.GetRequiredService<IRateLimits>();

    public static LimitService Start(
        string redis, string prefix, Action<LimitOptions>? configure = null, Action<IServiceCollection>? more = null)
    {
        var services = new ServiceCollection();
        Add(services.AddWriteBehindEngine(options => options.KeyPrefix = prefix).UseRedis(redis), configure);
        more?.Invoke(services);
        return new LimitService(services.BuildServiceProvider());
    }

    public static Task<LimitService> StartAsync(
        Servers on, Action<LimitOptions>? configure = null, Action<IServiceCollection>? more = null)
        => on == Servers.Real ? StartAsync(configure, more) : Task.FromResult(StartInMemory(new InMemoryWriteBehind(), configure, more));

    public static LimitService StartInMemory(
        InMemoryWriteBehind servers, Action<LimitOptions>? configure = null, Action<IServiceCollection>? more = null)
    {
        var services = new ServiceCollection();
        Add(services.AddWriteBehindForTests(servers), configure);
        more?.Invoke(services);
        return new LimitService(services.BuildServiceProvider());
    }

    /// <summary>On the shared Redis, with a fresh prefix.</summary>
    public static async Task<LimitService> StartAsync(Action<LimitOptions>? configure = null, Action<IServiceCollection>? more = null)
        => Start((await SharedServers.RedisAsync()).Configuration, SharedServers.FreshName("limit"), configure, more);

    /// <summary>The window of a caller key, a list.</summary>
    public string KeyOf(string callerKey, int shards = 16)
        => new LimitKeys(_services.GetRequiredService<WriteBehindOptions>().KeyPrefix, Limit, shards).Of(callerKey).Key.ToString();

    /// <summary>Asks Redis as any client would.</summary>
    public async Task<long> CountAsync(string callerKey)
        => await (await Redis.SharedAsync(CancellationToken.None)).ListLengthAsync(
            KeyOf(callerKey));

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private static void Add(WriteBehindBuilder builder, Action<LimitOptions>? configure) => builder.AddRateLimit(Limit, options =>
    {
        // Longer than a busy machine takes to connect: a decision that is not Redis' own would be a wrong one here.
        options.Timeout = TimeSpan.FromSeconds(30);
        configure?.Invoke(options);
    });
}
