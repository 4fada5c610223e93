using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Support;

/// <summary>An engine that reaches the shared Redis through a proxy, with short time-outs.</summary>
internal sealed class ProxiedEngine : IAsyncDisposable
{
    private readonly RedisServer _redis;

    private ProxiedEngine(RedisServer redis, TcpProxy proxy, TestEngine engine)
        => (_redis, Proxy, Engine, Buffer) = (redis, proxy, engine, new BufferView(redis, engine));

    public TcpProxy Proxy { get; }

    public TestEngine Engine { get; }

    /// <summary>Looks at Redis past the proxy.</summary>
    public BufferView Buffer { get; }

    public static async Task<ProxiedEngine> StartAsync(Action<WriteBehindOptions>? configure = null)
    {
        var redis = await SharedServers.RedisAsync();
        var proxy = TcpProxy.Start(redis.Port);
        var configuration = redis.ConfigurationFor(proxy.Port);
        return new ProxiedEngine(redis, proxy, await TestEngine.StartAsync(new()
        {
            Redis = configuration,
            Engine = settings =>
            {
                settings.WriteTimeout = TimeSpan.FromSeconds(30);
                configure?.Invoke(settings);
            },
        }));
    }

    /// <summary>Another process of the same service, whose connection is good.</summary>
    public Task<TestEngine> StartOtherAsync() => TestEngine.StartAsync(Engine.Options with { Redis = _redis.Configuration });

    public Task<Entity<Item>?> IncrementAsync(string id)
        => Engine.Items.UpdateAsync(id, state => new Item((state?.Quantity ?? 0) + 1));

    /// <summary>The same, with a fault that sets in after the state was read and before it is written.</summary>
    public Task<Entity<Item>?> IncrementWith(string id, Action fault)
    {
        Engine.Gate.RunAt(
            ProtocolStep.BeforeWrite,
            () =>
            {
                fault();
                return Task.CompletedTask;
            },
            id: id);
        return IncrementAsync(id);
    }

    /// <summary>The same, again and again while nothing was written for certain. An unknown outcome is thrown.</summary>
    public async Task<Entity<Item>?> EventuallyIncrementAsync(string id)
    {
        while (true)
        {
            try
            {
                return await IncrementAsync(id);
            }
            catch (BufferUnavailableException e) when (!e.OutcomeUnknown)
            {
                await Eventually.TrueAsync(async () => await Engine.Items.GetAsync(id) is var _);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.HealAsync();
        await Engine.DisposeAsync();
        await Proxy.DisposeAsync();
    }
}
