using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>The engine in memory, with the constraints that the real table of items has.</summary>
internal sealed class MemoryHost : BehaviourHost
{
    private readonly InMemoryWriteBehind _servers;
    private readonly BehaviourOptions _options;
    private readonly IHost _host;

    private MemoryHost(InMemoryWriteBehind servers, BehaviourOptions options, IHost host)
        => (_servers, _options, _host) = (servers, options, host);

    public override IWriteBehindEngine Engine => _host.Services.GetRequiredService<IWriteBehindEngine>();

    private InMemoryTable<Item> Table => _servers.Table<Item>();

    public static Task<BehaviourHost> StartAsync(BehaviourOptions options) => StartAsync(new InMemoryWriteBehind(), options);

    public override Task<ItemRow?> RowAsync(string id)
        => Task.FromResult(
            Table[id] is { } row ? new ItemRow(id, row.Version, row.State.Quantity, row.State.Note) : null);

    public override Task PutRowAsync(string id, long version, Item state) => Task.FromResult(Table.Put(id, state, version));

    public override Task RemoveRowAsync(string id) => Task.FromResult(Table.Remove(id));

    public override void SetDatabaseAway(bool isAway) => _servers.DatabaseAway = isAway;

    public override Task TakeRedisAwayAsync()
    {
        _servers.RedisAway = true;
        return Task.CompletedTask;
    }

    public override Task BringRedisBackAsync()
    {
        _servers.RedisAway = false;
        return Task.CompletedTask;
    }

    public override Task<BufferUnavailableException> WriteWithLostAnswerAsync(string id, Func<Task> write)
    {
        _servers.LoseNextAnswer();
        return Assert.ThrowsAsync<BufferUnavailableException>(write);
    }

    public override Task<BehaviourHost> StartOtherAsync() => StartAsync(_servers, _options);

    public override Task StopAsync() => _host.StopAsync();

    public override async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static async Task<BehaviourHost> StartAsync(InMemoryWriteBehind servers, BehaviourOptions options)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddWriteBehindForTests(servers)
            .Configure(engine =>
            {
                engine.DrainTimeout = TimeSpan.Zero;
                options.Engine?.Invoke(engine);
            })
            .AddEntity<Item>("item", item =>
            {
                item.RetryDelay = TimeSpan.FromMilliseconds(20);
                item.Shards = 1;
                options.Item?.Invoke(item);
            });
        var host = builder.Build();
        await host.StartAsync();
        servers.Table<Item>().Reject(static item => item.State.Quantity < 0, "new row violates check constraint \"quantity_not_negative\"");
        return new MemoryHost(servers, options, host);
    }
}
