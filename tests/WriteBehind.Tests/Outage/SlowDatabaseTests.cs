using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>
/// A table that somebody has locked, or a database that stands still, holds up those who need it, for a bounded time, and no others.
/// </summary>
public sealed class SlowDatabaseTests
{
    private const int Many = 5_000;

    // Without a bound it is half a minute for each of three rounds of batches.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("read")]
    [InlineData("write")]
    public async Task One_locked_table_does_not_hold_up_the_cold_reads_and_first_writes_of_other_types(string kind)
    {
        await using var engine = await StartAsync();
        await using var connection = new Npgsql.NpgsqlConnection(engine.Options.Postgres);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new Npgsql.NpgsqlCommand("LOCK TABLE items IN ACCESS EXCLUSIVE MODE", connection, transaction))
        {
            await command.ExecuteNonQueryAsync();
        }

        var calls = Enumerable.Range(0, Many)
            .Select(i => Record.ExceptionAsync(
                () => kind == "read" ? engine.Items.GetAsync($"{i}") : (Task)engine.Items.SetAsync($"{i}", new Item(i))))
            .ToArray();
        var readings = engine.Engine.Store<Reading>();
        for (var i = 0; i < 20; i++)
        {
            // Sooner than a single query of the locked table would be given up by the driver.
            Task call = kind == "read" ? readings.GetAsync($"{i}") : readings.SetAsync($"{i}", new Reading());
            await call.WaitAsync(TimeSpan.FromSeconds(25));
        }

        Assert.All(await Task.WhenAll(calls), static error => Assert.IsType<SinkException>(error));
        await Eventually.TrueAsync(
            async () => await engine.Table.ScalarAsync<long>(
                "SELECT count(*) FROM pg_locks WHERE relation = 'items'::regclass AND NOT granted") == 0,
            because: "what is given up is cancelled at the server, too");
        await transaction.RollbackAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("a") is null);
    }

    [Fact]
    public async Task Thousands_of_cold_reads_at_a_database_that_stands_still_fail_within_a_bound()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var engine = await StartAsync(database);

        // A server that has just started may need longer for its first answer than LoadTimeout is here.
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("a") is null);
        await postgres.FreezeAsync();

        var started = Stopwatch.GetTimestamp();
        var errors = await Task.WhenAll(Enumerable.Range(0, Many).Select(i => Record.ExceptionAsync(() => engine.Items.GetAsync($"{i}"))));

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(1), Bound);
        Assert.All(errors, static error => Assert.IsType<SinkException>(error));
        await postgres.ThawAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("a") is null);
    }

    [Fact]
    public async Task A_type_whose_batches_hang_leaves_slots_to_the_others()
    {
        await using var engine = await StartAsync(batch: 1);
        var hanging = new TaskCompletionSource();
        engine.Sink.BeforeSave = ids => ids[0].StartsWith('x') ? hanging.Task : Task.CompletedTask;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => engine.Items.SetAsync($"x{i}", new Item(i))));
        var flushes = Enumerable.Range(0, 20).Select(i => engine.FlushAsync($"x{i}")).ToArray();
        await Eventually.TrueAsync(() => engine.Sink.MostConcurrentBatches > 1);
        var readings = engine.Engine.Store<Reading>();
        await readings.SetAsync("r", new Reading { Count = 3 });

        await readings.FlushAsync("r", TimeSpan.FromSeconds(60));

        hanging.SetResult();
        await Task.WhenAll(flushes);
    }

    [Fact]
    public async Task Writes_that_need_a_database_which_is_away_are_counted_and_writes_of_what_redis_knows_go_on()
    {
        await using var engine = await StartAsync();
        await engine.Items.SetAsync("known", new Item(1));
        engine.Sink.BeforeLoad = static _ => throw SinkProbe.Outage();

        await engine.Items.SetAsync("known", new Item(2));
        await Assert.ThrowsAsync<SinkException>(() => engine.Items.SetAsync("cold", new Item(1)));
        await Assert.ThrowsAsync<SinkException>(() => engine.Items.UpdateAsync("cold", static item => item));

        Assert.Equal(2, (await engine.StatusAsync()).Counters.DatabaseNeeded);
    }

    private static Task<TestEngine> StartAsync(string? postgres = null, int batch = 500) => TestEngine.StartAsync(new()
    {
        Postgres = postgres,
        Engine = static settings => (settings.LoadTimeout, settings.MaxConcurrentFlushes) = (TimeSpan.FromSeconds(3), 3),
        Item = item => item.BatchSize = batch,
        More = static builder => builder.AddEntity<Reading>("reading"),
    });
}
