using WriteBehind.Tests.Crash;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class PostgresOutageTests : IAsyncLifetime
{
    private PostgresServer _postgres = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await _postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        _engine = await TestEngine.StartAsync(new() { Postgres = database, Sweep = true, Item = KillAtEachStepTests.ShortLease });
        await VersionWatch.AttachAsync(_engine.Table);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public Task A_database_that_is_stopped_and_started_under_load_loses_nothing()
        => SurviveAsync(_postgres.StopAsync, _postgres.RestartAsync);

    [Fact]
    public Task A_database_that_is_killed_and_started_under_load_loses_nothing()
        => SurviveAsync(_postgres.KillAsync, _postgres.RestartAsync);

    [Fact]
    public Task A_database_that_freezes_for_longer_than_a_lease_under_load_loses_nothing()
        => SurviveAsync(_postgres.FreezeAsync, _postgres.ThawAsync);

    private async Task SurviveAsync(Func<Task> fail, Func<Task> recover)
    {
        await using var load = WriterLoad.Start(_engine.Items, callers: 8);
        var writes = load.Writes;
        await Eventually.TrueAsync(() => writes.Entities == 8 * 20 && writes.Count > 500 && _engine.Sink.Batches > 3);

        await fail();
        var before = writes.Count;
        await Eventually.TrueAsync(
            async ()
                => writes.Count > before + 500 && (await _engine.StatusAsync()) is { Dirty: 8 * 20, OldestDirtyAge.TotalSeconds: > 2.5 },
            because: "writes are acknowledged without the database");
        await recover();

        await Eventually.TrueAsync(
            async () => (await _engine.StatusAsync()).OldestDirtyAge is null or { TotalSeconds: < 1 },
            because: "flushes catch up under load");
        await load.StopAsync();
        Assert.Equal(0, load.Refused);
        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        writes.AssertEqual(await _engine.Table.RowsAsync());
        await VersionWatch.AssertNoFallAsync(_engine.Table);
        Assert.Equal(0, (await _engine.StatusAsync()).DeadLetters);
    }
}
