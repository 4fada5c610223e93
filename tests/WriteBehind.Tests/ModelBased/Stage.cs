using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>What all runs share: the servers, the connections, and the entity types as they were registered.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private readonly TestEngine _host;
    private readonly ConnectionMultiplexer _redis;
    private readonly List<ServiceProvider> _services = [];
    private readonly (IEntityRegistration Registration, IEntitySink<Item> Sink) _kept;
    private readonly (IEntityRegistration Registration, IEntitySink<Item> Sink) _gone;

    private Stage(TestEngine host, ConnectionMultiplexer redis, RowView rows)
    {
        (_host, _redis, Rows) = (host, redis, rows);
        Parts = host.Services.GetRequiredService<EngineParts>();
        _gone = TypeOf("gone", AfterFlush.Delete);
        _kept = TypeOf("kept", AfterFlush.Keep);
    }

    public EngineParts Parts { get; }

    public IDatabase Redis => _redis.GetDatabase();

    public ItemTable Table => _host.Table;

    public RowView Rows { get; }

    public static async Task<Stage> OpenAsync()
    {
        var host = await TestEngine.StartAsync();
        await VersionWatch.AttachAsync(host.Table);
        return new Stage(
            host, await ConnectionMultiplexer.ConnectAsync(host.Options.Redis!), await RowView.OpenAsync(host.Options.Postgres!));
    }

    /// <summary>The type that keeps clean entries, or the one that deletes them.</summary>
    public (IEntityRegistration Registration, IEntitySink<Item> Sink) Of(bool keeps) => keeps ? _kept : _gone;

    public async ValueTask DisposeAsync()
    {
        await Rows.DisposeAsync();
        await _redis.CloseAsync();
        _redis.Dispose();
        foreach (var services in _services)
        {
            await services.DisposeAsync();
        }

        await _host.DisposeAsync();
    }

    /// <summary>A type with services of its own: one engine would refuse two types on one table. The runs use different ids.</summary>
    private (IEntityRegistration Registration, IEntitySink<Item> Sink) TypeOf(string name, AfterFlush afterFlush)
    {
        var services = new ServiceCollection();
        services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(_host.Options.Postgres));
        services.AddWriteBehind().UseEntityFramework<ItemContext>();
        _services.Add(services.BuildServiceProvider());
        var registration = new EntityRegistration<Item>(name, item =>
        {
            Configure(item);
            item.AfterFlush = afterFlush;
        });
        var sinks = _services[^1].GetRequiredService<IEntitySinkFactory>();
        return (registration, sinks.Create((EntityTypeOptions<Item>)registration.Options));
    }

    private static void Configure(EntityTypeOptions<Item> item)
    {
        item.Shards = 2;
        item.FlushDelay = TimeSpan.FromTicks(1);
        item.MaxBatchDelay = TimeSpan.Zero;
        item.Lease = Terms.Lease;
        item.FenceTime = Terms.Fence;
        item.TombstoneFenceTime = Terms.TombstoneFence;
        item.CacheTtl = Terms.Cache;
        item.SettleGroup = 2;
    }
}
