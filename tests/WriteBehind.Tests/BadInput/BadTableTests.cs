using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

public sealed class BadTableTests
{
    [Theory]
    [InlineData("DROP TABLE items", "items")]
    [InlineData("ALTER TABLE items DROP COLUMN quantity", "quantity")]
    [InlineData("""ALTER TABLE items DROP COLUMN "Version" """, "Version")]
    [InlineData("ALTER TABLE items DROP CONSTRAINT quantity_not_negative, ALTER COLUMN quantity TYPE text", "quantity")]
    [InlineData("ALTER TABLE items DROP CONSTRAINT items_pkey", "id")]
    public async Task A_table_that_does_not_fit_the_model_is_named_at_start(string damage, string named)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.ExecuteAsync(damage);

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(engine.Options));

        Assert.Contains(named, error.Setting, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Equal("item", error.EntityType);
    }

    [Theory]
    [InlineData("ALTER TABLE items RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO items", "42P01")]
    [InlineData("ALTER TABLE items RENAME COLUMN quantity TO amount", "ALTER TABLE items RENAME COLUMN amount TO quantity", "42703")]
    [InlineData("ALTER TABLE items DROP CONSTRAINT items_pkey", "ALTER TABLE items ADD PRIMARY KEY (id)", "42P10")]
    [InlineData("DELETE FROM items; ALTER TABLE items ADD COLUMN must int NOT NULL", "ALTER TABLE items DROP COLUMN must", "23502")]
    public async Task Damage_to_the_table_is_nobody_s_fault_and_what_waits_arrives_by_itself_once_it_is_mended(
        string damage, string repair, string code)
    {
        const int entities = 300;
        await using var engine = await TestEngine.StartAsync(new() { Sweep = true, Item = static item => item.MaxAttempts = 1 });

        // Known to Redis, so that they can be written without a look into the table.
        await WriteAllAsync(engine, entities, quantity: 1);
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        var batches = engine.Sink.Batches;
        await engine.Table.ExecuteAsync(damage);
        await WriteAllAsync(engine, entities, quantity: 2);

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Counters.TransientFailures >= 3);
        var status = await engine.StatusAsync();
        Assert.Equal((entities, 0, 0), (status.Dirty, status.DeadLetters, status.Counters.Rejected));
        Assert.Contains(code, status.LastError, StringComparison.Ordinal);
        Assert.Equal(1, engine.Log.Count(LogLevel.Error, "no entity is to blame"));

        // A dozen statements a try, and not one for each entity.
        Assert.InRange(engine.Sink.Batches - batches, 3, 20 * (int)status.Counters.TransientFailures);

        await engine.Table.ExecuteAsync(repair);
        await Eventually.TrueAsync(async () => await engine.StatusAsync() is { Dirty: 0, DeadLetters: 0 });
        Assert.Equal(entities, (await engine.Table.RowsAsync()).Values.Count(static row => row.Quantity == 2));
    }

    [Fact]
    public async Task A_writer_that_must_look_into_a_missing_table_is_told_so()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.ExecuteAsync("DROP TABLE items");

        var error = await Assert.ThrowsAsync<SinkException>(() => engine.Items.GetAsync("a"));

        Assert.Equal("42P01", error.Code);
        Assert.Contains("items", error.Message, StringComparison.Ordinal);
    }

    private static Task<long[]> WriteAllAsync(TestEngine engine, int entities, long quantity)
        => Task.WhenAll(Enumerable.Range(0, entities).Select(n => engine.Items.SetAsync($"e{n}", new Item(quantity))));
}
