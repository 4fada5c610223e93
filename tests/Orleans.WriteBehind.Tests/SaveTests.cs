using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class SaveTests(OneSilo one) : IClassFixture<OneSilo>
{
    private readonly GrainCluster _cluster = one.Cluster;

    [Fact]
    public async Task A_saved_change_is_in_redis_at_once_and_in_postgresql_soon()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);

        Assert.Equal(5, await grain.AddAsync(5));
        Assert.Equal(8, await grain.AddAsync(3));

        Assert.Equal(8, (await _cluster.Engine.Store<Stock>("stock").GetAsync(sku))!.State.Quantity);
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 8);
    }

    // redisson 2600: increments took another path than full writes, and were lost.
    [Fact]
    public async Task Increments_and_partial_updates_take_the_same_path_as_full_writes()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);

        await grain.AddAsync(2);
        await grain.NoteAsync("fragile");
        await grain.AddAsync(1);

        var stored = (await _cluster.Engine.Store<Stock>("stock").GetAsync(sku))!;
        Assert.Equal((3, 3, "fragile"), (stored.Version, stored.State.Quantity, stored.State.Note));
    }

    [Fact]
    public async Task Calls_that_come_while_a_save_is_under_way_share_the_next_one()
    {
        const int Calls = 100;
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.GetAsync();
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));

        var first = grain.AddAsync(1);
        await held.ReachedAsync();
        var others = Enumerable.Range(0, Calls).Select(_ => grain.AddAsync(1)).ToArray();
        await Eventually.TrueAsync(async () => await grain.PeekAsync() == Calls + 1);
        Assert.DoesNotContain(others, call => call.IsCompleted);
        held.Release();

        Assert.Equal(1, await first);
        Assert.Equal(Enumerable.Range(2, Calls).Select(i => (long)i), (await Task.WhenAll(others)).Order());
        var stored = (await _cluster.Engine.Store<Views>("views").GetAsync(Id(key)))!;
        Assert.Equal((2, Calls + 1), (stored.Version, stored.State.Count));
    }

    [Fact]
    public async Task No_caller_is_shown_a_state_that_redis_has_not_acknowledged_unless_it_asks_for_it()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.GetAsync();
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var write = grain.AddAsync(7);
        await held.ReachedAsync();

        var read = grain.GetAsync();
        Assert.Equal(7, await grain.PeekAsync());

        Assert.False(read.IsCompleted);
        held.Release();
        Assert.Equal(7, await read);
        await write;
    }

    [Fact]
    public async Task A_reader_of_a_change_whose_save_fails_gets_the_error_and_not_the_change()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.AddAsync(1);
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var write = grain.AddAsync(10);
        await held.ReachedAsync();
        var read = grain.GetAsync();
        var next = grain.AddAsync(100);
        await Eventually.TrueAsync(async () => await grain.PeekAsync() == 111);

        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").SetAsync(Id(key), new Views(1000));
        held.Release();

        foreach (var call in new[] { write, read, next })
        {
            var error = await Assert.ThrowsAsync<WriteConflictException>(() => call);
            Assert.Equal(("views", Id(key), 1, 2), (error.EntityType, error.EntityId, error.ExpectedVersion, error.CurrentVersion));
        }

        Assert.Equal(1001, await grain.AddAsync(1));
    }

    [Fact]
    public async Task A_call_whose_save_was_acknowledged_does_not_get_the_error_of_a_later_save()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.GetAsync();
        using var first = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var saved = grain.AddAsync(1);
        await first.ReachedAsync();
        var refused = grain.AddAsync(100);
        await Eventually.TrueAsync(async () => await grain.PeekAsync() == 101);
        using var second = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        first.Release();
        await second.ReachedAsync();
        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").UpdateAsync(Id(key), static views => views! with { Count = views.Count + 1000 });
        second.Release();

        Assert.Equal(1, await saved);
        await Assert.ThrowsAsync<WriteConflictException>(() => refused);
        Assert.Equal(1001, await grain.GetAsync());
    }

    [Fact]
    public async Task A_call_that_saved_and_then_looked_at_what_is_lost_is_told_that_its_own_change_is_saved()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.GetAsync();
        var looks = grain.AddWaitAndLookAsync(1);
        await Eventually.TrueAsync(async () => await grain.WaitingAsync() == 1);
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var refused = grain.AddAsync(100);
        await held.ReachedAsync();
        await grain.ContinueAsync();
        await Eventually.TrueAsync(async () => await grain.WaitingAsync() == 0);
        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").UpdateAsync(Id(key), static views => views! with { Count = views.Count + 1000 });
        held.Release();

        await Assert.ThrowsAsync<WriteConflictException>(() => refused);
        var error = await Assert.ThrowsAsync<StateDiscardedException>(() => looks);
        Assert.True(error.ChangesSaved);
        Assert.Equal(1001, await grain.GetAsync());
    }

    [Fact]
    public async Task Items_of_an_enumeration_are_shown_once_they_are_acknowledged()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.GetAsync();
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var write = grain.AddAsync(7);
        await held.ReachedAsync();

        await using var counts = grain.CountsAsync().GetAsyncEnumerator();
        var next = counts.MoveNextAsync().AsTask();
        Assert.Equal(7, await grain.PeekAsync());
        Assert.False(next.IsCompleted);

        held.Release();
        await write;
        Assert.True(await next);
        Assert.Equal(7, counts.Current);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_item_that_was_made_between_two_requests_for_items_is_shown_once_it_is_acknowledged_and_not_where_its_save_fails(
        bool fails)
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.AddAsync(1);
        await using var counts = grain.CountsBeforeAndAfterAsync().GetAsyncEnumerator();
        Assert.True(await counts.MoveNextAsync());
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var write = grain.AddAsync(10);
        await held.ReachedAsync();

        await grain.ContinueAsync();
        Assert.Equal(11, await grain.PeekAsync());
        var next = counts.MoveNextAsync().AsTask();
        Assert.Equal(11, await grain.PeekAsync());
        Assert.False(next.IsCompleted);

        await using var elsewhere = await one.TwinAsync();
        if (fails)
        {
            await elsewhere.Engine.Store<Views>("views").SetAsync(Id(key), new Views(1000));
            held.Release();
            await Assert.ThrowsAsync<WriteConflictException>(() => write);
            await Assert.ThrowsAsync<WriteConflictException>(() => next);
            return;
        }

        held.Release();
        await write;
        Assert.True(await next);
        Assert.Equal(11, counts.Current);
    }

    [Fact]
    public async Task An_item_whose_save_failed_before_it_was_asked_for_is_not_shown()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.AddAsync(1);
        await using var counts = grain.CountsBeforeAndAfterAsync().GetAsyncEnumerator();
        Assert.True(await counts.MoveNextAsync());
        using var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var write = grain.AddAsync(10);
        await held.ReachedAsync();
        await grain.ContinueAsync();
        Assert.Equal(11, await grain.PeekAsync());
        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").SetAsync(Id(key), new Views(1000));
        held.Release();
        await Assert.ThrowsAsync<WriteConflictException>(() => write);
        Assert.Equal(1000, await grain.GetAsync());

        await Assert.ThrowsAsync<WriteConflictException>(() => counts.MoveNextAsync().AsTask());
    }

    [Fact]
    public async Task A_refusal_that_rests_on_a_change_is_told_once_the_change_is_acknowledged_and_not_where_its_save_fails()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.AddAsync(1);
        using (var held = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key)))
        {
            var write = grain.AddAsync(10);
            await held.ReachedAsync();
            var check = grain.MustBeAtMostAsync(5);
            Assert.Equal(11, await grain.PeekAsync());
            Assert.False(check.IsCompleted);
            held.Release();
            await write;
            Assert.Equal("There are 11.", (await Assert.ThrowsAsync<InvalidOperationException>(() => check)).Message);
        }

        using var next = _cluster.Gate.HoldAt(ProtocolStep.BeforeWrite, id: Id(key));
        var lost = grain.AddAsync(10);
        await next.ReachedAsync();
        var doubtful = grain.MustBeAtMostAsync(15);
        Assert.Equal(21, await grain.PeekAsync());
        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").SetAsync(Id(key), new Views(3));
        next.Release();

        await Assert.ThrowsAsync<WriteConflictException>(() => lost);
        await Assert.ThrowsAsync<WriteConflictException>(() => doubtful);
        await grain.MustBeAtMostAsync(15);
    }

    [Fact]
    public async Task A_call_that_was_half_done_when_another_calls_save_failed_is_not_acknowledged_for_the_rest()
    {
        var key = Random.Shared.NextInt64();
        var grain = _cluster.Grains.GetGrain<IViewsGrain>(key);
        await grain.AddAsync(1);
        var halfDone = grain.AddInTwoStepsAsync(10);
        await Eventually.TrueAsync(async () => await grain.WaitingAsync() == 1);

        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Views>("views").SetAsync(Id(key), new Views(1000));
        await Assert.ThrowsAsync<WriteConflictException>(() => grain.AddAsync(100));
        Assert.Equal(1000, await grain.GetAsync());
        await grain.ContinueAsync();

        var error = await Assert.ThrowsAsync<StateDiscardedException>(() => halfDone);
        Assert.IsType<WriteConflictException>(error.InnerException);
        Assert.Equal(1000, await grain.GetAsync());
    }

    [Fact]
    public async Task A_grain_that_catches_a_conflict_sees_nothing_until_it_has_reloaded()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(1);
        await using var elsewhere = await one.TwinAsync();
        await elsewhere.Engine.Store<Stock>("stock").SetAsync(sku, new Stock { Quantity = 50 });

        Assert.Equal("WriteConflictException, now 50", await grain.AddAndCatchAsync(1));
    }

    [Fact]
    public async Task A_state_that_cannot_be_serialised_is_refused_and_the_grain_goes_on_from_the_last_good_one()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(4);

        var error = await Assert.ThrowsAsync<PayloadException>(() => grain.NoteAsync(new string('x', OneSilo.MaxPayloadBytes)));

        Assert.Equal(PayloadProblem.TooLarge, error.Problem);
        Assert.Equal(5, await grain.AddAsync(1));
    }

    [Fact]
    public async Task A_deleted_entity_has_no_row_and_can_be_created_anew()
    {
        var sku = SharedServers.FreshName("sku");
        var grain = _cluster.Grain<IStockGrain>(sku);
        await grain.AddAsync(4);
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 4);

        await grain.DeleteAsync();
        Assert.Equal(0, await grain.GetAsync());
        Assert.False((await grain.InfoAsync()).Exists);
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) is null);

        Assert.Equal(9, await grain.AddAsync(9));
        await Eventually.TrueAsync(async () => await _cluster.Database.QuantityAsync(sku) == 9);
        Assert.Equal(3, await _cluster.Database.VersionAsync(sku));
    }

    [Fact]
    public async Task Keys_of_every_kind_are_the_keys_of_their_tables()
    {
        var number = -Random.Shared.NextInt64();
        var guid = Guid.NewGuid();
        await _cluster.Grains.GetGrain<IViewsGrain>(number).AddAsync(1);
        await _cluster.Grains.GetGrain<IPlayerGrain>(guid).RenameAsync("Ada");
        await _cluster.Grains.GetGrain<ISeatGrain>(number, "row|7\\b").ReserveAsync("Bo");

        await Eventually.TrueAsync(async () => await _cluster.Database.ScalarAsync(
            $"""SELECT "Count" FROM views WHERE "Id" = {number}""") is 1L);
        await Eventually.TrueAsync(async () => await _cluster.Database.ScalarAsync(
            $"""SELECT "Name" FROM player WHERE "Id" = '{guid}'""") is "Ada");
        await Eventually.TrueAsync(async () => await _cluster.Database.ScalarAsync(
            $"""SELECT "Guest" FROM seat WHERE "Show" = {number} AND "Place" = 'row|7\b'""") is "Bo");
    }

    private static string Id(long key) => key.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
