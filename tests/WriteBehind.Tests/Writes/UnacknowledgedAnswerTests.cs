using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Writes;

/// <summary>What a caller's function says must not rest on another caller's change that was never acknowledged.</summary>
public sealed class UnacknowledgedAnswerTests
{
    private const int Callers = 120;

    [Fact]
    public async Task No_caller_is_told_of_a_piece_that_nobody_took()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.MaxDirty, item.Shards) = (1, 1) });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.SetAsync("other", new Item(1));
        using var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite);

        var first = TakeAsync(engine);
        await held.ReachedAsync();
        Task<Entity<Item>?>[] others = [.. Enumerable.Range(0, Callers).Select(_ => TakeAsync(engine))];
        held.Release();

        await Assert.ThrowsAsync<BufferFullException>(() => first);
        foreach (var other in others)
        {
            await Assert.ThrowsAsync<BufferFullException>(() => other);
        }

        await engine.FlushAsync("other");
        Assert.Equal(new Entity<Item>("a", 2, new Item(0)), await TakeAsync(engine));
    }

    [Fact]
    public async Task Of_many_who_want_the_last_piece_one_takes_it_and_the_others_are_told_so_when_that_is_acknowledged()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(2));
        using var held = engine.Gate.HoldAt(ProtocolStep.Written);
        var first = TakeAsync(engine);
        await held.ReachedAsync();
        Task<Entity<Item>?>[] others = [.. Enumerable.Range(0, Callers).Select(_ => TakeAsync(engine))];
        held.Release();

        Assert.Equal(new Entity<Item>("a", 2, new Item(1)), await first);
        Assert.Equal(new Entity<Item>("a", 3, new Item(0)), await others[0]);
        foreach (var other in others[1..])
        {
            Assert.Equal("none left", (await Assert.ThrowsAsync<InvalidOperationException>(() => other)).Message);
        }

        Assert.Equal(new Entity<Item>("a", 3, new Item(0)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_function_that_throws_between_others_keeps_its_place_and_stops_none_of_them()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Items.SetAsync("a", new Item(0));
        using var held = engine.Gate.HoldAt(ProtocolStep.Written);
        var first = engine.Items.SetAsync("a", new Item(10));
        await held.ReachedAsync();
        Task[] changes =
        [
            engine.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 }),
            engine.Items.UpdateAsync("a", Refuse),
            engine.Items.SetAsync("a", new Item(100)),
            engine.Items.UpdateAsync("a", Refuse),
            engine.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 }),
        ];
        held.Release();
        await first;

        await changes[0];
        Assert.Equal("11", (await Assert.ThrowsAsync<InvalidOperationException>(() => changes[1])).Message);
        await changes[2];
        Assert.Equal("100", (await Assert.ThrowsAsync<InvalidOperationException>(() => changes[3])).Message);
        await changes[4];
        Assert.Equal(new Entity<Item>("a", 5, new Item(101)), await engine.Items.GetAsync("a"));

        static Item? Refuse(Item? item) => throw new InvalidOperationException($"{item!.Quantity}");
    }

    private static Task<Entity<Item>?> TakeAsync(TestEngine engine) => engine.Items.UpdateAsync(
        "a",
        static item => item!.Quantity > 0 ? item with { Quantity = item.Quantity - 1 } : throw new InvalidOperationException("none left"));
}
