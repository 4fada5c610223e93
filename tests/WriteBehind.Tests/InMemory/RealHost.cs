using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.InMemory;

/// <summary>The real engine on real servers.</summary>
internal sealed class RealHost : BehaviourHost
{
    private readonly TestEngine _engine;
    private readonly TcpProxy? _proxy;

    private RealHost(TestEngine engine, TcpProxy? proxy) => (_engine, _proxy) = (engine, proxy);

    public override IWriteBehindEngine Engine => _engine.Engine;

    private TcpProxy Proxy => _proxy ?? throw new InvalidOperationException("Ask for HarmsRedis.");

    public static async Task<BehaviourHost> StartAsync(BehaviourOptions options)
    {
        var redis = await SharedServers.RedisAsync();
        var proxy = options.HarmsRedis ? TcpProxy.Start(redis.Port) : null;
        return new RealHost(
            await TestEngine.StartAsync(new()
            {
                Redis = proxy is null ? null : redis.ConfigurationFor(proxy.Port, TimeSpan.FromSeconds(1)),
                Item = item =>
                {
                    item.Shards = 1;
                    options.Item?.Invoke(item);
                },
                Engine = engine =>
                {
                    engine.WriteTimeout = options.HarmsRedis ? TimeSpan.FromSeconds(1) : engine.WriteTimeout;
                    options.Engine?.Invoke(engine);
                },
            }),
            proxy);
    }

    public override Task<ItemRow?> RowAsync(string id) => _engine.Table.RowAsync(id);

    public override Task PutRowAsync(string id, long version, Item state)
        => _engine.Table.PutAsync(new ItemRow(id, version, state.Quantity, state.Note));

    public override Task RemoveRowAsync(string id)
        => _engine.Table.ExecuteAsync("DELETE FROM items WHERE id = @id", new Npgsql.NpgsqlParameter("id", id));

    public override void SetDatabaseAway(bool isAway)
    {
        Func<IReadOnlyList<string>, Task>? fault = isAway ? static _ => throw SinkProbe.Outage() : null;
        (_engine.Sink.BeforeSave, _engine.Sink.BeforeLoad) = (fault, fault);
    }

    public override async Task TakeRedisAwayAsync()
    {
        Proxy.RefuseConnections = true;
        await Proxy.CutAsync();
    }

    public override async Task BringRedisBackAsync()
    {
        await Proxy.HealAsync();
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await Items.GetAsync("nobody");
                return true;
            }
            catch (BufferUnavailableException)
            {
                return false;
            }
        });
    }

    public override async Task<BufferUnavailableException> WriteWithLostAnswerAsync(string id, Func<Task> write)
    {
        _engine.Gate.RunAt(
            ProtocolStep.BeforeWrite,
            () =>
            {
                Proxy.DropResponses();
                return Task.CompletedTask;
            },
            id: id);
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(write);
        await BringRedisBackAsync();
        return error;
    }

    public override async Task<BehaviourHost> StartOtherAsync() => new RealHost(await TestEngine.StartAsync(_engine.Options), proxy: null);

    public override Task StopAsync() => _engine.StopAsync();

    public override async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.HealAsync();
        }

        await _engine.DisposeAsync();
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }
    }
}
