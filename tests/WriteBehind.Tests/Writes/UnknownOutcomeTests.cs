using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Writes;

// dotnet/orleans#6128: a write to Redis timed out although it was applied, and its owner was stuck or applied it twice.
public sealed class UnknownOutcomeTests
{
    [Fact]
    public async Task A_write_whose_answer_got_lost_is_sent_again_and_applied_once()
    {
        await using var there = await ProxiedEngine.StartAsync();
        Assert.Equal(1, (await there.IncrementAsync("a"))!.Version);

        var second = there.IncrementWith("a", there.Proxy.DropResponses);
        await Eventually.TrueAsync(async () => await there.Buffer.VersionAsync("a") == 2);
        Assert.False(second.IsCompleted);
        await there.Proxy.HealAsync();

        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await second);
        Assert.Equal(new Entity<Item>("a", 3, new Item(3)), await there.IncrementAsync("a"));
        Assert.Equal(3, (await there.Engine.StatusAsync()).Counters.BufferWrites);
    }

    [Fact]
    public async Task It_is_recognised_by_its_fence_where_it_was_flushed_meanwhile()
    {
        await using var there = await ProxiedEngine.StartAsync();
        await using var other = await there.StartOtherAsync();
        await there.IncrementAsync("a");

        var second = there.IncrementWith("a", there.Proxy.DropResponses);
        await Eventually.TrueAsync(async () => await there.Buffer.VersionAsync("a") == 2);
        await other.FlushAsync("a");
        Assert.Null(await there.Buffer.VersionAsync("a"));
        await there.Proxy.HealAsync();

        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await second);
        Assert.False(await there.Buffer.IsDirtyAsync("a"));
        Assert.Equal(new ItemRow("a", 2, 2, null), await other.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_write_that_never_arrived_is_applied_once_when_the_connection_is_back()
    {
        await using var there = await ProxiedEngine.StartAsync();
        await there.IncrementAsync("a");

        var second = there.IncrementWith("a", there.Proxy.BlackHole);
        await Eventually.TrueAsync(() => there.Proxy.BytesDropped > 0);
        await there.Proxy.HealAsync();

        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await second);
        Assert.Equal(2, await there.Buffer.VersionAsync("a"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_doubled_while_the_connection_is_cut_again_and_again()
    {
        const int callers = 8;
        const int rounds = 100;
        await using var there = await ProxiedEngine.StartAsync();
        using var done = new CancellationTokenSource();
        var cutting = Task.Run(async () =>
        {
            var cuts = 0;
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(60));
            while (!done.IsCancellationRequested)
            {
                await pace.WaitForNextTickAsync(CancellationToken.None);
                cuts += await there.Proxy.CutAsync();
            }

            return cuts;
        });

        await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (var round = 0; round < rounds; round++)
            {
                await there.EventuallyIncrementAsync($"e{(caller + round) % 3}");
            }
        }));
        await done.CancelAsync();

        Assert.True(await cutting > 1, "No connection was cut: the test saw nothing.");
        await Eventually.TrueAsync(async () => (await there.Engine.FlushAllAsync()).IsClean);
        var rows = (await there.Engine.Table.RowsAsync()).Values;
        Assert.Equal(callers * rounds, rows.Sum(row => row.Quantity));
        Assert.All(rows, row => Assert.Equal(row.Quantity, row.Version));
    }

    [Fact]
    public async Task Writes_of_a_frozen_Redis_go_through_once_it_thaws()
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(4) });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromMinutes(1),
        });
        await engine.Items.SetAsync("a", new Item(1));

        var frozen = new TaskCompletionSource<int>();
        engine.Gate.RunAt(ProtocolStep.BeforeWrite, async () =>
        {
            await redis.FreezeAsync();
            frozen.SetResult(engine.Gate.CountOf(ProtocolStep.BeforeWrite));
        });
        var update = engine.Items.UpdateAsync("a", state => new Item(state!.Quantity + 1));
        var tries = await frozen.Task;

        // A second try is under way: the first one was given up, and both will arrive.
        await Eventually.TrueAsync(() => engine.Gate.CountOf(ProtocolStep.BeforeWrite) > tries);
        Assert.False(update.IsCompleted);
        await redis.ThawAsync();

        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await update);
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Where_the_outcome_stays_unknown_the_caller_is_told_so_and_the_next_call_sees_the_truth()
    {
        await using var there = await ProxiedEngine.StartAsync(engine => engine.WriteTimeout = TimeSpan.FromSeconds(3));
        await there.IncrementAsync("a");

        there.Engine.Gate.RunAt(ProtocolStep.BeforeWrite, () =>
        {
            there.Proxy.DropResponses();
            return Task.CompletedTask;
        });
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => there.Engine.Items.SetAsync("a", new Item(10)));
        Assert.True(error.OutcomeUnknown);
        Assert.Equal(("item", "a"), (error.EntityType, error.EntityId));
        Assert.Contains("WriteTimeout", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, await there.Buffer.VersionAsync("a"));
        await there.Proxy.HealAsync();

        Assert.Equal(new Entity<Item>("a", 3, new Item(11)), await there.EventuallyIncrementAsync("a"));
    }

    [Fact]
    public async Task Where_another_process_wrote_on_top_meanwhile_nobody_guesses()
    {
        await using var there = await ProxiedEngine.StartAsync();
        await using var other = await there.StartOtherAsync();
        await there.IncrementAsync("a");

        var second = there.IncrementWith("a", there.Proxy.DropResponses);
        await Eventually.TrueAsync(async () => await there.Buffer.VersionAsync("a") == 2);
        await other.Items.UpdateAsync("a", state => new Item(state!.Quantity + 100));
        await there.Proxy.HealAsync();

        Assert.True((await Assert.ThrowsAsync<BufferUnavailableException>(() => second)).OutcomeUnknown);
        Assert.Equal(new Entity<Item>("a", 4, new Item(103)), await there.IncrementAsync("a"));
    }

    [Fact]
    public async Task Where_Redis_was_not_even_asked_the_caller_is_told_that_nothing_was_written()
    {
        await using var there = await ProxiedEngine.StartAsync();
        await using var other = await there.StartOtherAsync();
        await there.IncrementAsync("b");
        await other.Items.SetAsync("a", new Item(1));
        there.Proxy.BlackHole();

        // Of what another process wrote last there has to be a read. It gets no answer, so the write is not sent.
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => there.IncrementAsync("a"));
        Assert.False(error.OutcomeUnknown);
        Assert.Equal(("item", "a"), (error.EntityType, error.EntityId));
        await there.Proxy.HealAsync();
        Assert.Equal(new Entity<Item>("a", 2, new Item(2)), await there.EventuallyIncrementAsync("a"));
    }
}
