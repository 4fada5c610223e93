using Npgsql;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class HeldRowTests
{
    [Theory]
    [InlineData("e00")]
    [InlineData("e31")]
    [InlineData("e63")]
    public async Task A_row_that_another_transaction_holds_waits_alone_and_follows_once_it_is_free(string held)
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,

            // Halving down to the row that is held takes half a second a step, and all steps have to fit in.
            Item = static item
                => (item.MaxAttempts, item.Lease, item.StatementTimeout) = (1, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(30)),
        });
        var ids = Enumerable.Range(0, 64).Select(static i => $"e{i:00}").ToList();
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);

        await using var other = new NpgsqlConnection(engine.Options.Postgres);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("SELECT FROM items WHERE id = $1 FOR UPDATE", other)
        {
            Parameters = { new() { Value = held } },
        };
        await hold.ExecuteNonQueryAsync();

        foreach (var quantity in (int[])[2, 3])
        {
            await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(quantity))));
            await Eventually.TrueAsync(
                async () => (await engine.Table.RowsAsync()).Values.Count(row => row.Quantity == quantity) == ids.Count - 1,
                because: "all but one are saved");
        }

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 1, because: "and they are settled");
        var status = await engine.StatusAsync();
        Assert.Equal((1, 0, 0, BreakerState.Closed), (status.Dirty, status.DeadLetters, status.Counters.TransientFailures, status.Breaker));
        Assert.Equal(1, (await engine.Table.RowAsync(held))!.Quantity);

        await transaction.RollbackAsync();
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0, because: "the last one follows");
        Assert.Equal(3, (await engine.Table.RowAsync(held))!.Quantity);
    }

    [Fact]
    public async Task A_table_that_another_transaction_holds_is_an_outage()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Sweep = true, Item = static item => (item.MaxAttempts, item.Lease) = (1, TimeSpan.FromSeconds(6)) });
        await using var other = new NpgsqlConnection(engine.Options.Postgres);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("LOCK TABLE items IN EXCLUSIVE MODE", other);
        await hold.ExecuteNonQueryAsync();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => engine.Items.SetAsync($"e{i}", new Item(1))));

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Counters.TransientFailures > 0);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Breaker != BreakerState.Closed);

        await transaction.RollbackAsync();
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()) is { Dirty: 0, DeadLetters: 0 });
        Assert.Equal(64, (await engine.Table.RowsAsync()).Count);
    }
}
