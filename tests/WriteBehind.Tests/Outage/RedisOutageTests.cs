using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class RedisOutageTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _redis = await RedisServer.StartAsync(new() { AppendFsync = "always" });
        _engine = await TestEngine.StartAsync(new()
        {
            Redis = _redis.Configuration,
            Sweep = true,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(30),

            // A claim whose answer got lost has to end within the test.
            Item = static item => item.Lease = TimeSpan.FromSeconds(6),
        });
        await VersionWatch.AttachAsync(_engine.Table);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public Task A_redis_that_is_killed_and_started_with_its_append_only_file_loses_nothing()
        => SurviveAsync(_redis.KillAsync, _redis.RestartAsync);

    [Fact]
    public Task A_redis_that_is_shut_down_and_started_with_its_append_only_file_loses_nothing()
        => SurviveAsync(_redis.StopAsync, _redis.RestartAsync);

    [Fact]
    public Task A_redis_that_freezes_and_goes_on_loses_nothing()
        => SurviveAsync(_redis.FreezeAsync, _redis.ThawAsync);

    private async Task SurviveAsync(Func<Task> fail, Func<Task> recover)
    {
        await using var load = WriterLoad.Start(_engine.Items, callers: 8);
        var writes = load.Writes;
        await Eventually.TrueAsync(() => writes.Entities == 8 * 20 && writes.Count > 500 && _engine.Sink.Batches > 3);

        await fail();
        var before = writes.Count;
        await Eventually.TrueAsync(
            async () => !(await _engine.Engine.GetStatusAsync()).Durability.Reachable, because: "the outage is noticed");
        Assert.InRange(writes.Count - before, 0, 8 * 20);
        await recover();

        await Eventually.TrueAsync(() => writes.Count > before + 1_000, because: "writes go on");
        await load.StopAsync();
        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        writes.AssertEqual(await _engine.Table.RowsAsync());
        await VersionWatch.AssertNoFallAsync(_engine.Table);
        Assert.Null((await _engine.Engine.GetStatusAsync()).Durability.EmptiedAt);
    }
}
