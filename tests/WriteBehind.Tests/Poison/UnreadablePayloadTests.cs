using System.Text;
using System.Text.Json;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

public sealed class UnreadablePayloadTests
{
    [Theory]
    [InlineData("garbage")]
    [InlineData("")]
    public async Task A_payload_that_is_none_becomes_a_dead_letter_and_harms_nothing_else(string payload)
    {
        await using var engine = await TestEngine.StartAsync();
        await WriteAsync(engine, "a", "b", "c");
        await SpoilAsync(engine, "b", "d", payload);

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.True(report.IsClean);
        Assert.Equal(["a", "c"], (await engine.Table.RowsAsync()).Keys.Order());
        var letter = Assert.Single(await engine.Engine.DeadLetters.ListAsync("item"));
        Assert.Equal(("b", DeadLetterReason.Unreadable), (letter.Id, letter.Reason));
        var detail = (await engine.Engine.DeadLetters.ShowAsync("item", "b"))!;
        Assert.Equal(payload, Encoding.UTF8.GetString(detail.Payload!.Value.Span));
    }

    [Fact]
    public async Task A_reader_is_told_what_is_wrong_and_others_read_on()
    {
        await using var engine = await TestEngine.StartAsync();
        await WriteAsync(engine, "a", "b");
        await SpoilAsync(engine, "b", "d", "garbage");

        var reads = (engine.Items.GetAsync("a"), engine.Items.GetAsync("b"));

        Assert.NotNull(await reads.Item1);
        var error = await Assert.ThrowsAsync<PayloadException>(() => reads.Item2);
        Assert.Equal((PayloadProblem.Unreadable, "item", "b"), (error.Problem, error.EntityType, error.EntityId));
    }

    [Fact]
    public async Task It_can_be_overwritten_and_deleted_but_not_updated()
    {
        await using var engine = await TestEngine.StartAsync();
        await WriteAsync(engine, "a", "b");
        await SpoilAsync(engine, "a", "d", "garbage");
        await SpoilAsync(engine, "b", "d", "garbage");

        // By a process that does not remember what it wrote there before.
        await using var other = await TestEngine.StartAsync(engine.Options);
        await Assert.ThrowsAsync<PayloadException>(() => other.Items.UpdateAsync("a", static item => item));
        await engine.Items.SetAsync("a", new Item(5));
        await engine.Items.DeleteAsync("b");

        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.Equal(new ItemRow("a", 2, 5, null), Assert.Single(await engine.Table.RowsAsync()).Value);
        Assert.Empty(await engine.Engine.DeadLetters.ListAsync("item"));
    }

    [Theory]
    [InlineData("not a number")]
    [InlineData("1e9")]
    [InlineData("-1")]
    [InlineData("99999999999999999999")]
    public async Task A_version_that_is_none_harms_only_its_own_entity(string version)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.Shards = 1 });
        string[] ids = ["a", "b", "c"];
        await WriteAsync(engine, ids);
        await SpoilAsync(engine, "b", "v", version, shards: 1);

        var reads = ids.Select(id => Record.ExceptionAsync(() => engine.Items.GetAsync(id))).ToArray();
        Assert.Null(await reads[0]);
        Assert.Equal("b", Assert.IsType<BufferUnavailableException>(await reads[1]).EntityId);
        Assert.Null(await reads[2]);
        var writes = ids.Select(id => Record.ExceptionAsync(() => engine.Items.SetAsync(id, new Item(2)))).ToArray();
        Assert.Null(await writes[0]);
        Assert.Equal("b", Assert.IsType<BufferUnavailableException>(await writes[1]).EntityId);
        Assert.Null(await writes[2]);

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.Equal("b", Assert.Single(report.Rejected).Id);
        Assert.Equal(["a", "c"], (await engine.Table.RowsAsync()).Keys.Order());
    }

    [Fact]
    public async Task A_payload_of_a_newer_release_is_left_to_a_process_that_can_read_it()
    {
        await using var old = await TestEngine.StartAsync();
        await using var release = await TestEngine.StartAsync(old.Options with { Item = static item => item.SchemaVersion = 2 });
        await release.Items.SetAsync("new", new Item(2));
        await old.Items.SetAsync("old", new Item(1));

        var error = await Assert.ThrowsAsync<PayloadException>(() => old.Items.GetAsync("new"));
        Assert.Equal((PayloadProblem.NewerSchema, "new"), (error.Problem, error.EntityId));
        var report = await old.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("new", Assert.Single(report.Rejected).Id);
        Assert.Equal(["old"], (await old.Table.RowsAsync()).Keys);
        Assert.Equal((1, 0), ((await old.StatusAsync()).Dirty, (await old.StatusAsync()).DeadLetters));

        await release.Items.FlushAsync("new");
        Assert.Equal(2, (await release.Table.RowAsync("new"))!.Quantity);
    }

    [Fact]
    public async Task A_payload_of_an_older_release_is_upgraded_for_readers_writers_and_the_database()
    {
        await using var old = await TestEngine.StartAsync();
        await using var release = await TestEngine.StartAsync(old.Options with { Item = CountSingleItems });
        await old.Items.SetAsync("read", new Item(1));
        await old.Items.SetAsync("updated", new Item(2));

        Assert.Equal(12, (await release.Items.GetAsync("read"))!.State.Quantity);
        await release.Items.UpdateAsync("updated", static item => item! with { Quantity = item.Quantity + 1 });
        Assert.True((await release.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);

        Assert.Equal([12, 25], (await release.Table.RowsAsync()).Values.Select(static row => row.Quantity).Order());
    }

    [Fact]
    public async Task A_payload_that_no_upgrade_leads_on_from_is_unreadable_and_says_so()
    {
        await using var old = await TestEngine.StartAsync();
        await using var release = await TestEngine.StartAsync(old.Options with { Item = static item => item.SchemaVersion = 2 });
        await old.Items.SetAsync("a", new Item(1));

        var error = await Assert.ThrowsAsync<PayloadException>(() => release.Items.GetAsync("a"));

        Assert.Equal(PayloadProblem.Unreadable, error.Problem);
        Assert.Contains("no upgrade from schema version 1", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The second schema counts items, the first one dozens.</summary>
    private static void CountSingleItems(EntityTypeOptions<Item> item)
    {
        item.SchemaVersion = 2;
        item.Upgrades[1] = static body =>
        {
            var old = JsonSerializer.Deserialize<Item>(body.Span)!;
            return JsonSerializer.SerializeToUtf8Bytes(old with { Quantity = old.Quantity * 12 });
        };
    }

    private static Task<long[]> WriteAsync(TestEngine engine, params string[] ids)
        => Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));

    /// <summary>Puts something else into a field of the buffered entity.</summary>
    private static async Task SpoilAsync(TestEngine engine, string id, string field, string value, int shards = 16)
    {
        var keys = new KeyLayout(engine.Options.Prefix!, "item", shards);
        var key = keys[keys.ShardOf(id)].Entity(id);
        await (await SharedServers.RedisAsync()).SendAsync("HSET", (string)key!, field, value);
    }
}
