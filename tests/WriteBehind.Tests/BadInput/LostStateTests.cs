using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

/// <summary>Redis evicted the state of a dirty entity, or somebody deleted it.</summary>
public sealed class LostStateTests : IAsyncLifetime
{
    private TestEngine _engine = null!;

    public async Task InitializeAsync() => _engine = await TestEngine.StartAsync();

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_flush_of_it_does_not_report_success()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await LoseAsync("a");

        var error = await Assert.ThrowsAsync<StateLostException>(() => _engine.Items.FlushAsync("a"));

        Assert.Equal(("item", "a"), (error.EntityType, error.EntityId));
        Assert.Contains("maxmemory-policy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flush_of_everything_names_it_and_does_not_count_it()
    {
        await _engine.Items.SetAsync("a", new Item(1));
        await _engine.Items.SetAsync("b", new Item(1));
        await LoseAsync("a");

        var report = await _engine.FlushAllAsync();

        Assert.True(report.IsClean);
        Assert.Equal(1, report.Flushed);
        Assert.Equal("a", Assert.Single(report.Rejected).Id);
    }

    private async Task LoseAsync(string id)
    {
        var keys = (await BufferView.OfAsync(_engine)).Keys;
        await (await SharedServers.RedisAsync()).SendAsync("DEL", (string)keys[keys.ShardOf(id)].Entity(id)!);
    }
}
