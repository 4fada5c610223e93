using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

/// <summary>Something of another program lies where an entity's state or fence should be.</summary>
public sealed class UnexpectedKeyTests : IAsyncLifetime
{
    private TestEngine _engine = null!;
    private ShardKeys _keys = null!;

    public async Task InitializeAsync()
    {
        _engine = await TestEngine.StartAsync(new() { Item = static item => item.Shards = 1 });
        _keys = new KeyLayout(_engine.Options.Prefix!, "item", shards: 1)[0];
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task In_the_place_of_a_state_it_harms_that_entity_alone()
    {
        await SendAsync("SADD", _keys.Entity("b"), "foreign");

        await OnlyBFailsAsync(id => _engine.Items.SetAsync(id, new Item(1)));
        await OnlyBFailsAsync(id => _engine.Items.GetAsync(id));
        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.Equal(["a", "c"], (await _engine.Table.RowsAsync()).Keys.Order());

        await SendAsync("DEL", _keys.Entity("b"));
        Assert.Equal(1, await _engine.Items.SetAsync("b", new Item(1)));
    }

    [Fact]
    public async Task In_the_place_of_a_fence_it_harms_that_entity_alone()
    {
        await SendAsync("SADD", _keys.Fence("b"), "foreign");

        await OnlyBFailsAsync(id => _engine.Items.SetAsync(id, new Item(1)));
        await OnlyBFailsAsync(id => _engine.Items.GetAsync(id));
        Assert.True((await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
    }

    [Fact]
    public async Task In_the_place_of_a_dirty_state_it_is_named_and_the_others_are_flushed()
    {
        string[] ids = ["a", "b", "c"];
        await Task.WhenAll(ids.Select(id => _engine.Items.SetAsync(id, new Item(1))));
        await SendAsync("DEL", _keys.Entity("b"));
        await SendAsync("SADD", _keys.Entity("b"), "foreign");

        var report = await _engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.Equal("b", Assert.Single(report.Rejected).Id);
        Assert.Equal(["a", "c"], (await _engine.Table.RowsAsync()).Keys.Order());
        var error = await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("b"));
        Assert.Contains("WRONGTYPE", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_the_place_of_a_dirty_state_it_is_said_once_a_pause_and_stays_dirty()
    {
        await _engine.Items.SetAsync("b", new Item(1));
        await SendAsync("DEL", _keys.Entity("b"));
        await SendAsync("SADD", _keys.Entity("b"), "foreign");

        for (var i = 0; i < 3; i++)
        {
            var error = await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.Items.FlushAsync("b"));
            Assert.Equal((string)_keys.Entity("b")!, Assert.IsType<UnexpectedKeyException>(error.InnerException).Key);
        }

        Assert.Single(_engine.Log.Lines, static line => line.Message.Contains("stays dirty: The key", StringComparison.Ordinal));
        Assert.Equal(1, (await _engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task In_the_place_of_the_dead_letters_it_is_named()
    {
        await SendAsync("SADD", _keys.Dead, "foreign");

        var error = await Assert.ThrowsAsync<UnexpectedKeyException>(() => _engine.Engine.DeadLetters.ShowAsync("item", "a"));

        Assert.Equal((string)_keys.Dead!, error.Key);
        await Assert.ThrowsAsync<UnexpectedKeyException>(() => _engine.Engine.DeadLetters.ListAsync("item"));
    }

    private static async Task OnlyBFailsAsync(Func<string, Task> call)
    {
        string[] ids = ["a", "b", "c"];
        var errors = await Task.WhenAll(ids.Select(id => Record.ExceptionAsync(() => call(id))));
        Assert.Null(errors[0]);
        Assert.Null(errors[2]);
        var error = Assert.IsType<BufferUnavailableException>(errors[1]);
        Assert.False(error.OutcomeUnknown);
        Assert.Equal(("item", "b"), (error.EntityType, error.EntityId));
        Assert.Contains("this library did not write", error.Message, StringComparison.Ordinal);
    }

    private static async Task SendAsync(string command, StackExchange.Redis.RedisKey key, params string[] arguments)
        => await (await SharedServers.RedisAsync()).SendAsync([command, (string)key!, .. arguments]);
}
