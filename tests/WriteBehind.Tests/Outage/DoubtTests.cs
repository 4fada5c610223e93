using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>The connection breaks while a save is under way: nobody can tell whether it is done, or still will be.</summary>
public sealed class DoubtTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    /// <summary>One that nobody waits out: a claim that is not given back fails the test.</summary>
    private static readonly TestEngineOptions LongLease = new() { Item = static item => item.Lease = TimeSpan.FromMinutes(5) };

    [Fact]
    public async Task A_save_of_unknown_outcome_keeps_its_claim_until_the_lease_ends_and_then_counts_as_done()
    {
        await using var proxy = TcpProxy.Start((await SharedServers.PostgresAsync()).Port);
        await using var other = await TestEngine.StartAsync(new() { Item = static item => item.Lease = TimeSpan.FromSeconds(9) });
        await using var cut = await TestEngine.StartAsync(
            other.Options with { Postgres = PostgresServer.Through(other.Options.Postgres!, proxy.Port) });
        await cut.Items.SetAsync("a", new Item(1));
        await cut.Items.FlushAsync("a", Long);
        await cut.Items.SetAsync("a", new Item(2));
        await SlowDownAsync(other.Table);

        var flush = cut.Items.FlushAsync("a", TimeSpan.Zero);
        await WaitUntilItSleepsAsync(other.Table);
        Assert.True(await proxy.CutAsync() > 0);
        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => flush);
        Assert.True(Assert.IsType<SinkException>(error.InnerException).OutcomeUnknown);

        // The statement was still running; nobody else may write the row meanwhile.
        await Assert.ThrowsAsync<FlushIncompleteException>(() => other.Items.FlushAsync("a", Soon));
        Assert.Equal(0, other.Sink.Batches);

        await other.Items.FlushAsync("a", Long);
        Assert.Equal(2, (await other.Table.RowAsync("a"))!.Quantity);
        var counters = (await other.StatusAsync()).Counters;
        Assert.Equal((0, 1), (counters.RowsApplied, counters.NoOps));
    }

    [Fact]
    public async Task A_database_that_answers_with_an_error_leaves_no_doubt_and_the_claim_is_given_back()
    {
        await using var engine = await TestEngine.StartAsync(LongLease);
        await using var other = await TestEngine.StartAsync(engine.Options);
        await engine.Items.SetAsync("a", new Item(1));
        await SqlFailure.ArmAsync(engine.Table, "53300", times: 1);

        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.Zero));

        Assert.False(Assert.IsType<SinkException>(error.InnerException).OutcomeUnknown);
        await other.Items.FlushAsync("a", Long);
        Assert.Equal(1, (await other.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_database_that_refuses_connections_leaves_no_doubt()
    {
        await using var proxy = TcpProxy.Start((await SharedServers.PostgresAsync()).Port);
        await using var other = await TestEngine.StartAsync(LongLease);
        await using var cut = await TestEngine.StartAsync(
            other.Options with { Postgres = PostgresServer.Through(other.Options.Postgres!, proxy.Port) });
        await cut.Items.SetAsync("a", new Item(1));
        proxy.RefuseConnections = true;
        await proxy.CutAsync();

        await Assert.ThrowsAsync<FlushIncompleteException>(() => cut.Items.FlushAsync("a", Soon));

        await other.Items.FlushAsync("a", Long);
        Assert.Equal(1, (await other.Table.RowAsync("a"))!.Quantity);
    }

    /// <summary>Makes the table's updates take a while, but less than the statement time-out.</summary>
    private static Task SlowDownAsync(ItemTable table) => table.ExecuteAsync(
        """
        CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$;
        CREATE TRIGGER sleep BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION sleep();
        """);

    private static Task WaitUntilItSleepsAsync(ItemTable table) => Eventually.TrueAsync(async () => (long)(await table.ScalarAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))! > 0);
}
