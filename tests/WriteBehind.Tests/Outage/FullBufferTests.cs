using System.Globalization;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class FullBufferTests
{
    private const int Entities = 1_000;
    private const int Bound = 480;

    [Fact]
    public async Task Writes_are_acknowledged_until_the_bound_then_refused_clearly_and_on_return_all_drain_with_bounded_concurrency()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Postgres = database,
            Engine = static engine => engine.MaxConcurrentFlushes = 2,
            Item = static item => (item.MaxDirty, item.BatchSize) = (Bound, 20),
        });
        for (var i = 0; i < Entities; i += 200)
        {
            await Task.WhenAll(Enumerable.Range(i, 200).Select(n => engine.Items.SetAsync(IdOf(n), new Item(1))));
            Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        }

        await postgres.StopAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, Entities).Select(n => TryWriteAsync(engine, n, quantity: 2)));
        var refused = outcomes.OfType<BufferFullException>().ToList();
        var dirty = (await engine.StatusAsync()).Dirty;
        Assert.Equal(Entities, dirty + refused.Count);

        // The bound is split over 16 shards, and ids are not spread quite evenly.
        Assert.InRange(dirty, Bound * 3 / 4, Bound);
        Assert.Equal(refused.Count, (await engine.StatusAsync()).Counters.Refused);
        Assert.Contains($"MaxDirty ({Bound} entities", refused[0].Message, StringComparison.Ordinal);
        Assert.Equal(Bound, refused[0].MaxDirty);
        Assert.StartsWith("e", refused[0].EntityId, StringComparison.Ordinal);

        var accepted = Enumerable.Range(0, Entities).Where(n => outcomes[n] is null).ToList();
        await Task.WhenAll(accepted.Select(n => engine.Items.SetAsync(IdOf(n), new Item(3))));

        await postgres.RestartAsync();
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        Assert.InRange(engine.Sink.MostConcurrentBatches, 1, 2);
        Assert.Equal(1, engine.Sink.MostConcurrentSavesOfOne);
        var rows = await engine.Table.RowsAsync();
        Assert.All(Enumerable.Range(0, Entities), n => Assert.Equal(outcomes[n] is null ? 3 : 1, rows[IdOf(n)].Quantity));
        Assert.Null(await TryWriteAsync(engine, Entities - 1, quantity: 4));
    }

    [Fact]
    public async Task An_entity_that_redis_does_not_know_is_not_written_blindly_while_the_database_is_away()
    {
        await using var engine = await TestEngine.StartAsync();
        engine.Sink.BeforeLoad = static _ => throw SinkProbe.Outage();
        var error = await Assert.ThrowsAsync<SinkException>(() => engine.Items.SetAsync("new", new Item(1)));
        Assert.Equal(SinkFailure.Transient, error.Failure);

        engine.Sink.BeforeLoad = null;
        Assert.Equal(1, await engine.Items.SetAsync("new", new Item(2)));
    }

    private static async Task<Exception?> TryWriteAsync(TestEngine engine, int n, long quantity)
    {
        try
        {
            await engine.Items.SetAsync(IdOf(n), new Item(quantity));
            return null;
        }
        catch (BufferFullException e)
        {
            return e;
        }
    }

    private static string IdOf(int n) => string.Create(CultureInfo.InvariantCulture, $"e{n}");
}
