using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class WriteStrategyTests
{
    [Fact]
    public async Task A_single_write_can_be_in_postgresql_when_it_returns()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        Assert.Null(await engine.Table.RowAsync("a"));

        var through = engine.Items.With(WriteStrategy.Through);
        Assert.Equal(2, await through.SetAsync("a", new Item(2)));
        Assert.Equal((2, 2), ((await engine.Table.RowAsync("a"))!.Version, (await engine.Table.RowAsync("a"))!.Quantity));
        await through.UpdateAsync("a", static item => new Item(item!.Quantity + 1));
        Assert.Equal(3, (await engine.Table.RowAsync("a"))!.Quantity);
        await through.DeleteAsync("a");
        Assert.Null(await engine.Table.RowAsync("a"));
        Assert.Null(await engine.Items.GetAsync("a"));
        await through.DeleteAsync("a");
    }

    [Fact]
    public async Task A_type_can_be_written_through_and_a_single_write_of_it_behind()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.WriteStrategy = WriteStrategy.Through });
        await engine.Items.SetAsync("a", new Item(1));
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        await engine.Items.With(WriteStrategy.Behind).SetAsync("a", new Item(2));
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task Where_postgresql_is_away_the_caller_is_told_that_the_write_is_buffered_and_it_arrives_later()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Item = static item => item.WriteThroughTimeout = TimeSpan.FromMilliseconds(300) });
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        await engine.Items.GetAsync("a");
        var error = await Assert.ThrowsAsync<WriteThroughException>(
            () => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(1)));
        Assert.Equal(1, error.Version);
        Assert.IsType<FlushIncompleteException>(error.InnerException);
        Assert.Contains("buffered in Redis as version 1 and not in PostgreSQL yet", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await engine.Items.GetAsync("a"))!.State.Quantity);

        engine.Sink.BeforeSave = null;
        await engine.FlushAllAsync();
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task A_redis_that_loses_the_write_before_it_is_saved_is_no_success()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Item = static item => item.WriteThroughTimeout = TimeSpan.FromMinutes(1),
        });
        await engine.Items.GetAsync("a");
        engine.Sink.BeforeSave = async _ =>
        {
            engine.Sink.BeforeSave = null;
            await redis.WipeAsync();
            throw SinkProbe.Outage();
        };

        await Assert.ThrowsAsync<StateLostException>(() => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(1)));

        Assert.Null(await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task A_session_is_told_as_well()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Item = static item => item.WriteThroughTimeout = TimeSpan.FromMinutes(1),
        });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await redis.WipeAsync();
        await Eventually.TrueAsync(async () => await engine.Items.GetAsync("nobody") is null);

        await Assert.ThrowsAsync<StateLostException>(() => session.WriteThroughAsync());
        Assert.True(session.IsDirty);
    }

    [Fact]
    public async Task A_database_that_hangs_holds_a_write_through_up_for_no_longer_than_its_timeout()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Item = static item => item.WriteThroughTimeout = TimeSpan.FromMilliseconds(300) });
        var go = new TaskCompletionSource();
        engine.Sink.BeforeSave = _ => go.Task;
        await Assert.ThrowsAsync<WriteThroughException>(() => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(1)));
        go.SetResult();
        await Eventually.TrueAsync(async () => await engine.Table.RowAsync("a") is not null);
    }

    [Fact]
    public async Task What_postgresql_rejects_is_said_to_be_rejected_and_kept()
    {
        await using var engine = await TestEngine.StartAsync();
        var error = await Assert.ThrowsAsync<WriteThroughException>(
            () => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(1, Item.TooLongNote)));
        Assert.IsType<EntityRejectedException>(error.InnerException);
        Assert.Equal(Item.TooLongNote, (await engine.Items.GetAsync("a"))!.State.Note);
    }

    [Fact]
    public async Task Writes_through_of_many_entities_share_batches()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Item = static item => item.MaxBatchDelay = TimeSpan.FromMilliseconds(50) });
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => engine.Items.With(WriteStrategy.Through).SetAsync($"e{i}", new Item(i))));
        Assert.Equal(500, (await engine.Table.RowsAsync()).Count);
        Assert.True(engine.Sink.Batches < 50, $"{engine.Sink.Batches} batches for 500 entities");
    }

    [Fact]
    public async Task A_session_finishes_a_write_through_and_stays_usable_where_that_fails()
    {
        EntityTypeOptions? options = null;
        await using var engine = await TestEngine.StartAsync(
            new() { Item = item => (options = item).WriteThroughTimeout = TimeSpan.FromSeconds(30) });
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        await session.SaveAsync(new Item(1));
        await session.WriteThroughAsync();
        Assert.False(session.IsDirty);
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);

        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        options!.WriteThroughTimeout = TimeSpan.FromMilliseconds(300);
        await session.SaveAsync(new Item(2));
        Assert.Equal(2, (await Assert.ThrowsAsync<WriteThroughException>(() => session.WriteThroughAsync())).Version);
        Assert.True(session is { IsLoaded: true, IsDirty: true });
        Assert.Equal(3, await session.SaveAsync(new Item(3)));
    }
}
