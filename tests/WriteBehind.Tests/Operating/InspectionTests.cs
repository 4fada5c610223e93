using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operating;

/// <summary>An operator looks at one entity in all places, and at the oldest dirty ones.</summary>
public sealed class InspectionTests
{
    [Fact]
    public async Task A_dirty_entity_shows_its_state_in_Redis_beside_its_older_row()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.SetAsync("a", new Item(2, "new"));

        var entity = await engine.Engine.InspectAsync("item", "a");

        Assert.Equal(("item", "a"), (entity.Type, entity.Id));
        Assert.Equal((2, false), (entity.Buffered!.Version, entity.Buffered.IsDelete));
        Assert.Equal("new", entity.Buffered.Json!.Value.GetProperty("Note").GetString());
        Assert.Null(entity.Buffered.ExpiresIn);
        Assert.InRange(entity.DirtySince!.Value, entity.At.AddMinutes(-1), entity.At);
        Assert.Equal((1, 1), (entity.Row!.Version, entity.Row.Json!.Value.GetProperty("Quantity").GetInt64()));
        Assert.Null(entity.RowError);
        Assert.Null(entity.ClaimedUntil);
        Assert.Null(entity.DeadLetter);
        Assert.Null(entity.Pause);
    }

    [Fact]
    public async Task A_flushed_entity_shows_its_fence_and_its_row()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        var entity = await engine.Engine.InspectAsync("item", "a");

        Assert.Null(entity.Buffered);
        Assert.Null(entity.DirtySince);
        Assert.Equal((1, 1), (entity.Fence, entity.Row!.Version));
        Assert.InRange(entity.FenceExpiresIn!.Value, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10));
    }

    [Fact]
    public async Task A_kept_state_shows_when_it_expires()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");

        Assert.NotNull((await engine.Engine.InspectAsync("item", "a")).Buffered!.ExpiresIn);
    }

    [Fact]
    public async Task A_delete_that_is_not_flushed_is_one()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.DeleteAsync("a");

        var entity = await engine.Engine.InspectAsync("item", "a");

        Assert.Equal((true, null), (entity.Buffered!.IsDelete, entity.Buffered.Body));
        Assert.Equal(1, entity.Row!.Version);
    }

    [Fact]
    public async Task A_claim_shows_until_when_a_flusher_holds_the_entity()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        using var held = engine.Gate.HoldAt(ProtocolStep.Claimed);
        var flush = engine.FlushAsync("a");
        await held.ReachedAsync();

        var entity = await engine.Engine.InspectAsync("item", "a");
        var oldest = Assert.Single(await engine.Engine.OldestAsync("item"));
        held.Release();
        await flush;

        Assert.InRange(entity.ClaimedUntil!.Value, entity.At, entity.At.AddSeconds(30));
        Assert.Equal(entity.ClaimedUntil, oldest.ClaimedUntil);
    }

    [Fact]
    public async Task A_dead_letter_is_shown_with_its_error_and_its_state()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await engine.Items.SetAsync("a", new Item(1, Item.TooLongNote));
        await engine.Items.SetAsync("b", new Item(1));
        await Eventually.TrueAsync(async () =>
        {
            await engine.FlushAllAsync();
            return (await engine.StatusAsync()).DeadLetters == 1;
        });

        var entity = await engine.Engine.InspectAsync("item", "a");

        Assert.Equal("22001", entity.DeadLetter!.Letter.Code);
        Assert.Equal(1, entity.Buffered!.Version);
        Assert.Null(entity.DirtySince);
        Assert.Null(entity.Row);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("*")]
    [InlineData("a b")]
    [InlineData("[a]")]
    public async Task Memos_of_operations_are_counted_for_the_entity_alone(string id)
    {
        await using var engine = await TestEngine.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            await engine.Items.UpdateAsync(id, OperationId.New(), static item => new Item((item?.Quantity ?? 0) + 1));
        }

        await engine.Items.UpdateAsync(id, NamedOperation("order"), static item => item! with { Quantity = 9 });
        await engine.Items.UpdateAsync("x" + id, OperationId.New(), static _ => new Item(1));
        await engine.Items.UpdateAsync("x " + id, NamedOperation("order"), static _ => new Item(1));

        Assert.Equal(4, (await engine.Engine.InspectAsync("item", id)).Memos);
    }

    [Fact]
    public async Task Without_the_database_the_rest_is_shown_and_why_the_row_is_not()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(1));
        engine.Sink.BeforeLoad = static _ => throw new SinkException(SinkFailure.Transient, "PostgreSQL is away.");

        var entity = await engine.Engine.InspectAsync("item", "a");

        Assert.Equal((1, null, "PostgreSQL is away."), (entity.Buffered!.Version, entity.Row, entity.RowError));
    }

    [Fact]
    public async Task A_key_of_somebody_else_is_said()
    {
        await using var engine = await TestEngine.StartAsync();
        var (redis, view) = (await SharedServers.RedisAsync(), await BufferView.OfAsync(engine));
        await redis.SendAsync("SET", (string)view.Keys[view.Keys.ShardOf("a")].Entity("a")!, "not a hash");

        Assert.Contains("WRONGTYPE", (await engine.Engine.InspectAsync("item", "a")).KeyError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_known_of_an_entity_that_never_was()
    {
        await using var engine = await TestEngine.StartAsync();

        var entity = await engine.Engine.InspectAsync("item", "nobody");

        Assert.Equal(new EntityInspection("item", "nobody", entity.At), entity);
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => engine.Engine.InspectAsync("items", "a"));
        await Assert.ThrowsAsync<InvalidEntityIdException>(() => engine.Engine.InspectAsync("item", ""));
    }

    [Fact]
    public async Task The_oldest_dirty_entities_of_all_shards_come_oldest_first_and_bounded()
    {
        await using var engine = await TestEngine.StartAsync();
        string[] ids = [.. Enumerable.Range(0, 40).Select(static i => i.ToString(CultureInfo.InvariantCulture))];
        foreach (var id in ids)
        {
            await engine.Items.SetAsync(id, new Item(1));
        }

        var oldest = await engine.Engine.OldestAsync("item", 10);

        Assert.Equal(10, oldest.Count);
        Assert.Equal(oldest.OrderBy(static entity => entity.Since), oldest);
        Assert.Equal((await engine.Engine.InspectAsync("item", oldest[0].Id)).DirtySince, oldest[0].Since);
        var last = (await engine.Engine.OldestAsync("item", 1000))[9].Since;
        Assert.All(oldest, entity => Assert.True(entity.Since <= last && entity.Age >= TimeSpan.Zero));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("limit", () => engine.Engine.OldestAsync("item", 1001));
        await engine.FlushAllAsync();
        Assert.Empty(await engine.Engine.OldestAsync("item"));
    }

    private static string NamedOperation(string name)
        => string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}-{name}");
}
