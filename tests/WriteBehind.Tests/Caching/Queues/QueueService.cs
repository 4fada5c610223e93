using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Queues;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Queues;

/// <summary>A process of a service that has one queue and nothing else: no entity type, no database.</summary>
internal sealed class QueueService : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private QueueService(ServiceProvider services, string prefix) => (_services, Prefix) = (services, prefix);

    public string Prefix { get; }

    public IReliableQueue Queue => _services.GetRequiredKeyedService<IReliableQueue>("jobs");

    public static QueueService Start(string redis, string prefix, Action<QueueOptions>? configure = null)
    {
        var services = new ServiceCollection();
        Add(services.AddWriteBehindEngine(options => options.KeyPrefix = prefix).UseRedis(redis), configure);
        return new QueueService(services.BuildServiceProvider(), prefix);
    }

    public static Task<QueueService> StartAsync(Servers on, Action<QueueOptions>? configure = null)
        => on == Servers.Real ? StartAsync(configure) : Task.FromResult(StartInMemory(new InMemoryWriteBehind(), configure));

    public static QueueService StartInMemory(InMemoryWriteBehind servers, Action<QueueOptions>? configure = null)
    {
        var services = new ServiceCollection();
        Add(services.AddWriteBehindForTests(servers), configure);
        return new QueueService(services.BuildServiceProvider(), "wb");
    }

    /// <summary>On the shared Redis, with a fresh prefix.</summary>
    public static async Task<QueueService> StartAsync(Action<QueueOptions>? configure = null)
        => Start((await SharedServers.RedisAsync()).Configuration, SharedServers.FreshName("queue"), configure);

    public async Task AddAsync(params IEnumerable<string> items)
        => Assert.All(
            await Task.WhenAll(items.Select(item => Queue.EnqueueAsync(item))), outcome => Assert.Equal(EnqueueOutcome.Added, outcome));

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private static void Add(WriteBehindBuilder builder, Action<QueueOptions>? configure) => builder.AddQueue("jobs", options =>
    {
        options.Lease = TimeSpan.FromSeconds(2);
        configure?.Invoke(options);
    });
}
