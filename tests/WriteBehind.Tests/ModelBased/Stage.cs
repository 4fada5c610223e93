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
    private readonly Dictionary<string, (IEntityRegistration Registration, IEntitySink<Item> Sink)> _types;

    private Stage(TestEngine host, ConnectionMultiplexer redis, RowView rows)
    {
        (_host, _redis, Rows) = (host, redis, rows);
        Parts = host.Services.GetRequiredService<EngineParts>();
        var sinks = host.Services.GetRequiredService<IEntitySinkFactory>();
        _types = host.Services.GetServices<IEntityRegistration>().ToDictionary(
            registration => registration.Type,
            registration => (registration, sinks.Create((EntityTypeOptions<Item>)registration.Options)));
    }

    public EngineParts Parts { get; }

    public IDatabase Redis => _redis.GetDatabase();

    public ItemTable Table => _host.Table;

    public RowView Rows { get; }

    public static async Task<Stage> OpenAsync()
    {
        var host = await TestEngine.StartAsync(new()
        {
            More = engine => engine.AddEntity<Item>("gone", Configure).AddEntity<Item>("kept", item =>
            {
                Configure(item);
                item.AfterFlush = AfterFlush.Keep;
            }),
        });
        await VersionWatch.AttachAsync(host.Table);
        return new Stage(
            host, await ConnectionMultiplexer.ConnectAsync(host.Options.Redis!), await RowView.OpenAsync(host.Options.Postgres!));
    }

    /// <summary>The type that keeps clean entries, or the one that deletes them.</summary>
    public (IEntityRegistration Registration, IEntitySink<Item> Sink) Of(bool keeps) => _types[keeps ? "kept" : "gone"];

    public async ValueTask DisposeAsync()
    {
        await Rows.DisposeAsync();
        await _redis.CloseAsync();
        _redis.Dispose();
        await _host.DisposeAsync();
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
