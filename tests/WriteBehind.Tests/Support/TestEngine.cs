using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Support;

/// <summary>An engine with the entity type <c>item</c> on real servers: one process of a service, in this process.</summary>
public sealed class TestEngine : IAsyncDisposable
{
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(60);

    private readonly IHost _host;
    private bool _stopped;

    private TestEngine(IHost host, TestEngineOptions options, Gate gate, SinkProbe sink, TestLog log)
    {
        (_host, Options, Gate, Sink, Log) = (host, options, gate, sink, log);
        Table = new ItemTable(options.Postgres!);
    }

    /// <summary>
    /// The options with everything filled in: pass <c>engine.Options</c> on to start another process of the same service.
    /// </summary>
    public TestEngineOptions Options { get; }

    internal Gate Gate { get; }

    public SinkProbe Sink { get; }

    public TestLog Log { get; }

    public ItemTable Table { get; }

    /// <summary>The host, which <see cref="CreateAsync"/> does not start.</summary>
    public IHost Host => _host;

    public IServiceProvider Services => _host.Services;

    public IWriteBehindEngine Engine => Services.GetRequiredService<IWriteBehindEngine>();

    public IEntityStore<Item> Items => Engine.Store<Item>("item");

    /// <summary>Starts an engine.</summary>
    public static async Task<TestEngine> StartAsync(TestEngineOptions? options = null)
    {
        var engine = await CreateAsync(options);
        try
        {
            await engine._host.StartAsync();
            return engine;
        }
        catch
        {
            engine._stopped = true;
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Flushes everything. (The engine's own default is the drain time-out, and tests have none.)</summary>
    public Task<FlushReport> FlushAllAsync() => Engine.FlushAllAsync(FlushTime);

    /// <summary>Flushes one item.</summary>
    public Task FlushAsync(string id) => Items.FlushAsync(id, FlushTime);

    internal EntityTypeOptions OptionsOf(string type)
        => Services.GetServices<IEntityRegistration>().Single(registration => registration.Type == type).Options;

    /// <summary>How many are dirty, dead, …, of the type <c>item</c>.</summary>
    public async Task<TypeStatus> StatusAsync()
        => (await Engine.GetStatusAsync()).Types.Single(type => type.Type == "item");

    /// <summary>Stops it as a host stops it: with a drain.</summary>
    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _host.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    /// <summary>Builds an engine and starts nothing.</summary>
    public static async Task<TestEngine> CreateAsync(TestEngineOptions? options = null)
    {
        options ??= new();
        options = options with
        {
            Redis = options.Redis ?? (await SharedServers.RedisAsync()).Configuration,
            Prefix = options.Prefix ?? SharedServers.FreshName("t"),
            Postgres = options.Postgres ?? await CreateDatabaseAsync(),
        };
        var (gate, sink, log) = (new Gate(), options.Probe ?? new SinkProbe(), new TestLog());
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddProvider(log);
        builder.Services.AddSingleton<IProtocolGate>(gate);
        builder.Services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(options.Postgres));
        var writeBehind = builder.Services
            .AddWriteBehind(settings =>
            {
                settings.KeyPrefix = options.Prefix;
                settings.Sweep = options.Sweep;
                settings.DrainTimeout = TimeSpan.Zero;

                // It bounds what a command is waited for, and a machine may stand still for seconds.
                settings.WriteTimeout = TimeSpan.FromSeconds(15);
                settings.BackoffStart = TimeSpan.FromMilliseconds(50);
                settings.BackoffCap = TimeSpan.FromMilliseconds(400);
                settings.WatchInterval = TimeSpan.FromMilliseconds(200);
                options.Engine?.Invoke(settings);
            })
            .UseRedis(options.Redis)
            .UseEntityFramework<ItemContext>()
            .AddEntity<Item>("item", item =>
            {
                item.FlushDelay = TimeSpan.FromMilliseconds(100);
                item.RetryDelay = TimeSpan.FromMilliseconds(20);
                item.Lease = TimeSpan.FromSeconds(30);
                item.StatementTimeout = TimeSpan.FromSeconds(4);
                options.Item?.Invoke(item);
            });
        options.More?.Invoke(writeBehind);
        Probe(builder.Services, sink);
        return new TestEngine(builder.Build(), options, gate, sink, log);
    }

    private static async Task<string> CreateDatabaseAsync()
    {
        var connectionString = await SharedServers.CreateDatabaseAsync();
        await new ItemTable(connectionString).CreateAsync();
        return connectionString;
    }

    private static void Probe(IServiceCollection services, SinkProbe probe)
    {
        var real = services.Last(service => service.ServiceType == typeof(IEntitySinkFactory));
        services.Replace(ServiceDescriptor.Singleton<IEntitySinkFactory>(provider => new ProbedSinkFactory(
            (IEntitySinkFactory)(real.ImplementationInstance
                ?? real.ImplementationFactory?.Invoke(provider)
                ?? ActivatorUtilities.CreateInstance(provider, real.ImplementationType!)),
            probe)));
    }
}
