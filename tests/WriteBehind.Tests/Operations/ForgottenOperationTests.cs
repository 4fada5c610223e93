using System.Globalization;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operations;

/// <summary>What is remembered is bounded, and what may have been forgotten is never taken for new.</summary>
public sealed class ForgottenOperationTests
{
    [Fact]
    public async Task A_repeat_after_OperationTime_is_refused()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.OperationTime = TimeSpan.FromSeconds(2) });
        var operation = await AddInTimeAsync(engine);

        OperationForgottenException? error = null;
        await Eventually.TrueAsync(async () =>
        {
            error = await Record.ExceptionAsync(() => OperationTests.AddAsync(engine, "a", operation, 5)) as OperationForgottenException;
            return error is not null;
        });

        Assert.Equal(("a", operation, OperationDoubt.Expired), (error!.EntityId, error.Operation, error.Doubt));
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task An_id_of_a_clock_that_is_ahead_is_refused()
    {
        await using var engine = await TestEngine.StartAsync();

        await Assert.ThrowsAsync<InvalidOperationIdException>(
            () => OperationTests.AddAsync(engine, "a", OperationId.New(DateTimeOffset.UtcNow.AddMinutes(1), "x"), 5));
        Assert.Null(await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Of_one_entity_no_more_than_the_bound_is_remembered_the_oldest_go_first_and_are_refused()
    {
        const int bound = 8;
        const int operations = 100;
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxOperationsPerEntity = bound });
        var start = DateTimeOffset.UtcNow;
        var view = await BufferView.OfAsync(engine);
        for (var i = 0; i < operations; i++)
        {
            await AddNewAsync(engine, "a", OperationTests.At(start, i));
            Assert.InRange(await view.MemosAsync("a"), 1, bound);
        }

        var known = 0;
        for (var i = 0; i < operations; i++)
        {
            var repeat = await Record.ExceptionAsync(() => OperationTests.AddAsync(engine, "a", OperationTests.At(start, i), 1));
            Assert.True(repeat is null or OperationForgottenException { Doubt: OperationDoubt.Dropped }, repeat?.ToString());
            Assert.False(known > 0 && repeat is not null, "A younger one went before an older one.");

            // The first ones were in the shard's book, before the entity had one of its own, and may stay for longer.
            known += repeat is null && i > bound / 8 ? 1 : 0;
        }

        Assert.InRange(known, bound / 4, bound);
        Assert.Equal(new Entity<Item>("a", operations, new Item(operations)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Of_all_entities_no_more_than_the_bound_is_remembered_and_what_was_dropped_is_refused()
    {
        const int bound = 64;
        const int entities = 600;
        await using var engine = await TestEngine.StartAsync(new()
        {
            Item = static item => (item.Shards, item.MaxOperations) = (2, bound),
        });
        var view = await BufferView.OfAsync(engine);
        var operations = new Dictionary<string, string>();
        for (var i = 0; i < entities; i++)
        {
            var id = i.ToString(CultureInfo.InvariantCulture);
            operations[id] = OperationId.New();
            await AddNewAsync(engine, id, operations[id]);
        }

        var remembered = await view.MemosAsync();
        Assert.InRange(remembered, bound / 2, bound);
        var known = 0;
        foreach (var (id, operation) in operations)
        {
            var repeat = await Record.ExceptionAsync(() => OperationTests.AddAsync(engine, id, operation, 1));
            Assert.True(repeat is null or OperationForgottenException { Doubt: OperationDoubt.Dropped }, repeat?.ToString());
            known += repeat is null ? 1 : 0;
            Assert.Equal(new Item(1), (await engine.Items.GetAsync(id))!.State);
        }

        Assert.Equal(remembered, known);
    }

    [Fact]
    public async Task What_is_too_old_is_taken_away_by_itself()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.OperationTime = TimeSpan.FromSeconds(1) });
        var view = await BufferView.OfAsync(engine);
        await AddInTimeAsync(engine);
        Assert.Equal(1, await view.MemosAsync("a"));

        await Eventually.TrueAsync(async () => await view.MemosAsync() == 0);
    }

    [Fact]
    public async Task Where_Redis_came_back_empty_what_was_before_is_refused_and_what_comes_later_is_new()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var operation = OperationId.New();
        await OperationTests.AddAsync(engine, "a", operation, 5);
        await engine.FlushAsync("a");
        await redis.SendAsync("FLUSHALL");

        var error = await Assert.ThrowsAsync<OperationForgottenException>(() => OperationTests.AddAsync(engine, "a", operation, 5));

        Assert.Equal(OperationDoubt.RedisLost, error.Doubt);
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await engine.Items.GetAsync("a"));
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => OperationTests.AddAsync(engine, "a", OperationId.New(), 5)) is null);
        Assert.Equal(new Entity<Item>("a", 2, new Item(10)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Where_the_watch_saw_that_Redis_came_back_empty_an_id_of_before_from_a_clock_that_is_ahead_is_refused()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WatchInterval = TimeSpan.FromMilliseconds(50),
        });
        var operation = OperationId.New(DateTimeOffset.UtcNow.AddSeconds(4), "ahead");
        await OperationTests.AddAsync(engine, "a", operation, 5);
        await engine.FlushAsync("a");
        await redis.SendAsync("FLUSHALL");
        await Eventually.TrueAsync(async () => (await engine.Engine.GetStatusAsync()).Durability.EmptiedAt is not null);

        var error = await Assert.ThrowsAsync<OperationForgottenException>(() => OperationTests.AddAsync(engine, "a", operation, 5));

        Assert.Equal(OperationDoubt.RedisLost, error.Doubt);
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await engine.Items.GetAsync("a"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Where_Redis_went_back_what_it_lost_is_refused_and_what_it_still_has_is_answered(bool byANewProcess)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration });
        var (kept, lost) = (OperationId.New(), OperationId.New());
        await OperationTests.AddAsync(engine, "a", kept, 5);
        await engine.FlushAsync("a");
        var copy = await redis.CopyDataAsync();
        await WaitForAnswersAsync(engine);
        await OperationTests.AddAsync(engine, "a", lost, 10);
        await engine.FlushAsync("a");

        await redis.RestoreDataAsync(copy);
        await using var other = byANewProcess ? await TestEngine.StartAsync(engine.Options) : null;
        var caller = other ?? engine;
        await WaitForAnswersAsync(caller);

        Assert.True((await OperationTests.AddAsync(caller, "a", kept, 5)).IsRepeat);
        var error = await Assert.ThrowsAsync<OperationForgottenException>(() => OperationTests.AddAsync(caller, "a", lost, 10));
        Assert.Equal(OperationDoubt.RedisLost, error.Doubt);
        Assert.Equal(15, (await caller.Items.GetAsync("a"))!.State.Quantity);
    }

    /// <summary>On a machine that stands still for seconds the first may be too old as it arrives.</summary>
    private static async Task<string> AddInTimeAsync(TestEngine engine)
    {
        var operation = string.Empty;
        await Eventually.TrueAsync(async () =>
        {
            operation = OperationId.New();
            return await Record.ExceptionAsync(() => OperationTests.AddAsync(engine, "a", operation, 5)) is null;
        });
        return operation;
    }

    private static Task WaitForAnswersAsync(TestEngine engine)
        => Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => engine.Items.GetAsync("nobody")) is null);

    private static async Task AddNewAsync(TestEngine engine, string id, string operation)
        => Assert.False((await OperationTests.AddAsync(engine, id, operation, 1)).IsRepeat);
}
