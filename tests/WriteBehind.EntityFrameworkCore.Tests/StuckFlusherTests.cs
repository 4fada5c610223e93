using System.Diagnostics;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>A flusher whose connection dies without a word, or that freezes, in the middle of a batch that it sends.</summary>
public sealed class StuckFlusherTests(Database database) : IClassFixture<Database>
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_holds_the_lock_of_its_table_no_longer_than_about_a_lease(bool behindPooler)
    {
        await using var pooler = behindPooler ? await PgBouncer.StartAsync(database.ConnectionString) : null;
        await using var proxy = TcpProxy.Start(pooler?.Port ?? (await SharedServers.PostgresAsync()).Port);
        await using var dying = new SinkHost<TestContext>(PostgresServer.Through($"{database.ConnectionString};Timeout=5", proxy.Port));
        var sink = dying.Sink<Game>("games", static game => game.Lease = Lease);

        // A delete among them has the lock for itself. It is prepared, so that the next is sent at once.
        await database.Host.ExecuteAsync("DELETE FROM write_behind_documents");
        static SaveItem<Game> Large(int i, long version) => new($"g{i}", version, new Game(new string('x', 1 << 20), i, []));
        static SaveItem<Game>[] Batch(long version)
            => [new("gone", version, null), .. Enumerable.Range(0, 8).Select(i => Large(i, version))];
        await sink.SaveAsync(Batch(1));
        proxy.BlackHoleAfter(1 << 20);
        var deadline = DateTimeOffset.UtcNow + TimeSpan.FromMinutes(1);
        var stuck = Record.ExceptionAsync(() => sink.SaveAsync(Batch(2), deadline, TimeSpan.FromMinutes(1), CancellationToken.None));
        await Eventually.TrueAsync(async () => await HoldersAsync() == 1, because: "it has the lock, and the server waits for the rest");

        var started = Stopwatch.GetTimestamp();
        await using var otherHost = new SinkHost<TestContext>(pooler?.ConnectionString ?? database.ConnectionString);
        var other = otherHost.Sink<Game>("games", static game => game.Lease = Lease);
        await Eventually.TrueAsync(async () => await TrySaveAsync(other));

        // Its transaction began before the clock here did, and each try waits for a second.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.Equal(1, Assert.NotNull(await other.FindAsync("g0")).Version);
        await proxy.CutAsync();
        Assert.Equal(SinkFailure.Transient, Assert.IsType<SinkException>(await stuck).Failure);
    }

    [Fact]
    public async Task One_that_is_within_its_lease_or_at_work_is_left_alone()
    {
        await using var slow = await database.Host.DataSource.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand(LockSql("counters", ""), slow);
        await hold.ExecuteNonQueryAsync();

        // The default lease is far longer than this test.
        var sink = database.Host.Sink<Counter>();
        await AssertTimesOutAsync(sink);
        await AssertTimesOutAsync(sink);
        await transaction.CommitAsync();
        Assert.Equal(SaveOutcome.AlreadyThere, (await sink.DeleteAsync("held", 1)).Outcome);
    }

    private static async Task AssertTimesOutAsync(IEntitySink<Counter> sink)
    {
        var deadline = await sink.DeadlineAsync(TimeSpan.FromSeconds(30));
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.SaveAsync(
            [new SaveItem<Counter>("held", 1, null)], deadline, TimeSpan.FromMilliseconds(200), CancellationToken.None));
        Assert.Equal(SinkFailure.Timeout, error.Failure);
    }

    private static async Task<bool> TrySaveAsync(IEntitySink<Game> sink)
    {
        try
        {
            var deadline = await sink.DeadlineAsync(TimeSpan.FromSeconds(30));
            var item = new SaveItem<Game>("another", 1, new Game("t", 1, []));
            var saved = await sink.SaveAsync([item], deadline, TimeSpan.FromSeconds(1), CancellationToken.None);
            return saved.Single().Outcome is SaveOutcome.Applied;
        }
        catch (SinkException e) when (e.Failure == SinkFailure.Timeout)
        {
            return false;
        }
    }

    private static string LockSql(string table, string part) => Sql.FlushLock.Of(table, part).Shared;

    private Task<long> HoldersAsync() => database.Host.ScalarAsync<long>("""
        SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ExclusiveLock' AND a.datname = current_database()
            AND a.wait_event = 'ClientRead'
        """);
}
