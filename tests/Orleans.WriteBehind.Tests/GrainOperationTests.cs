using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests;

/// <summary>Calls of grains under an id: they count once, and whoever repeats them gets the answer of the first time.</summary>
public sealed class GrainOperationTests(UnflushedSilo one) : IClassFixture<UnflushedSilo>
{
    private readonly GrainCluster _cluster = one.Cluster;
    private readonly string _sku = SharedServers.FreshName("sku");
    private readonly string _id = OperationId.New();

    private IOnceGrain Grain => _cluster.Grain<IOnceGrain>(_sku);

    private ISharedOnceGrain Shared => _cluster.Grain<ISharedOnceGrain>(_sku);

    [Fact]
    public async Task A_repeat_gets_the_first_answer_without_running_the_method()
    {
        Assert.Equal(3, await OnceAsync(grain => grain.AddAsync(3)));
        await Grain.AddAsync(10);

        Assert.Equal(3, await OnceAsync(grain => grain.AddAsync(3)));

        Assert.Equal((2, 13, 2), await Grain.InfoAsync());
    }

    [Fact]
    public async Task A_repeat_gets_the_first_answer_from_the_next_activation_too_and_after_the_flush()
    {
        Assert.Equal(3, await OnceAsync(grain => grain.AddAsync(3)));
        Assert.True(await _cluster.Grain<IStockGrain>(_sku).FlushAsync());
        await Grain.DeactivateAsync();
        await Eventually.TrueAsync(async () => (await Grain.InfoAsync()).Runs == 0);

        Assert.Equal(3, await OnceAsync(grain => grain.AddAsync(3)));

        Assert.Equal((0, 3, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task A_repeat_of_a_method_without_an_answer_does_nothing()
    {
        await OnceAsync(grain => grain.PutAsync(3));
        await OnceAsync(grain => grain.PutAsync(3));

        Assert.Equal((1, 3, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task A_delete_that_is_repeated_does_not_delete_what_came_since()
    {
        await Grain.AddAsync(3);
        await OnceAsync(grain => grain.RemoveAsync());
        await Grain.AddAsync(4);

        await OnceAsync(grain => grain.RemoveAsync());

        Assert.Equal(4, (await Grain.InfoAsync()).Quantity);
    }

    [Fact]
    public async Task All_saves_of_an_operation_are_one()
    {
        Assert.Equal(6, await OnceAsync(grain => grain.AddTwiceAsync(3)));

        Assert.Equal((2, 6, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task Within_an_operation_the_version_is_the_one_that_its_save_is_going_to_get()
    {
        await Grain.AddAsync(1);

        Assert.Equal(2, await OnceAsync(grain => grain.AddAndVersionAsync(3)));
        Assert.Equal(2, (await Grain.InfoAsync()).Version);
    }

    [Fact]
    public async Task A_method_that_throws_after_its_save_has_written_nothing_and_is_judged_anew()
    {
        await Grain.AddAsync(1);

        await Assert.ThrowsAsync<InvalidOperationException>(() => OnceAsync(grain => grain.AddAndFailAsync(3)));

        Assert.Equal((2, 1, 1), await Grain.InfoAsync());
        Assert.Equal(4, await OnceAsync(grain => grain.AddAsync(3)));
    }

    [Fact]
    public async Task A_refusal_is_judged_anew()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => OnceAsync(grain => grain.TakeAsync(3)));
        await Grain.AddAsync(5);

        Assert.True(await OnceAsync(grain => grain.TakeAsync(3)));
        Assert.True(await OnceAsync(grain => grain.TakeAsync(3)));

        Assert.Equal(2, (await Grain.InfoAsync()).Quantity);
    }

    [Fact]
    public async Task A_call_that_saves_nothing_is_not_remembered()
    {
        Assert.Equal(1, await OnceAsync(grain => grain.LookAsync()));
        Assert.Equal(2, await OnceAsync(grain => grain.LookAsync()));
    }

    [Fact]
    public async Task What_an_operation_left_running_saves_by_itself()
    {
        await OnceAsync(grain => grain.AddNowAndLaterAsync(3));
        Assert.Equal((1, 3, 1), await Grain.InfoAsync());

        await Grain.ContinueAsync();

        var stored = _cluster.Engine.Store<Stock>("stock");
        await Eventually.TrueAsync(async () => await stored.GetAsync(_sku) is { State.Quantity: 6, Version: 2 });
    }

    [Fact]
    public async Task An_operation_that_asks_for_the_state_anew_after_its_save_is_told_that_it_would_be_dropped()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => OnceAsync(grain => grain.AddAndReloadAsync(3)));

        Assert.Equal(0, (await Grain.InfoAsync()).Quantity);
    }

    [Fact]
    public async Task An_id_that_was_used_for_another_method_or_another_request_is_refused()
    {
        using (Operations.Begin(Grain, _id, "three"))
        {
            await Grain.AddAsync(3);
            await Assert.ThrowsAsync<OperationMismatchException>(() => Grain.PutAsync(3));
        }

        using (Operations.Begin(Grain, _id, "four"))
        {
            await Assert.ThrowsAsync<OperationMismatchException>(() => Grain.AddAsync(4));
        }

        Assert.Equal((1, 3, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task An_answer_that_is_too_long_is_refused_before_anything_is_written()
    {
        await Grain.AddAsync(1);

        var error = await Assert.ThrowsAsync<OperationResultException>(() => OnceAsync(grain => grain.AddAndTellAsync(3, 5000)));

        Assert.Equal((_id, 4096), (error.Operation, error.Limit));
        Assert.Equal((2, 1, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task What_is_known_no_more_or_not_yet_arrives_typed_and_nothing_is_written()
    {
        var old = OperationId.New(DateTimeOffset.UtcNow.AddHours(-1), "old");
        var ahead = OperationId.New(DateTimeOffset.UtcNow.AddHours(1), "new");

        var forgotten = await Assert.ThrowsAsync<OperationForgottenException>(() => OnceAsync(grain => grain.AddAsync(3), old));
        await Assert.ThrowsAsync<InvalidOperationIdException>(() => OnceAsync(grain => grain.AddAsync(3), ahead));
        Assert.Throws<InvalidOperationIdException>(() => Operations.Begin(Grain, "has no time"));

        Assert.Equal((old, OperationDoubt.Expired), (forgotten.Operation, forgotten.Doubt));
        Assert.Equal(0, (await Grain.InfoAsync()).Quantity);
    }

    [Fact]
    public async Task What_a_grain_calls_is_no_part_of_its_operation()
    {
        var (other, sku) = (SharedServers.FreshName("sku"), _sku);
        using (Operations.Begin(Grain, _id))
        {
            await Grain.AddAndPassOnAsync(other, 3);
            await _cluster.Grain<IOnceGrain>(other).AddAsync(3);
        }

        Assert.Equal((3, 9, 3), await _cluster.Grain<IOnceGrain>(other).InfoAsync());
        Assert.Equal((1, 3, 1), await _cluster.Grain<IOnceGrain>(sku).InfoAsync());
    }

    [Fact]
    public async Task An_operation_reaches_its_grain_through_others()
    {
        var between = _cluster.Grain<IBetweenGrain>(_sku);
        using (Operations.Begin(Grain, _id))
        {
            Assert.Equal(3, await between.AddAsync(_sku, 3));
            Assert.Equal(3, await between.AddAsync(_sku, 3));
        }

        Assert.Equal((1, 3, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task Of_callers_that_race_with_one_id_one_counts_and_all_get_its_answer()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => OnceAsync(grain => grain.AddAsync(3))));

        Assert.All(answers, answer => Assert.Equal(3, answer));
        Assert.Equal((1, 3, 1), await Grain.InfoAsync());
    }

    [Fact]
    public async Task Of_callers_that_race_one_counts_also_where_calls_interleave()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => SharedAsync(grain => grain.AddAsync(1), $"{_id}/{i % 10}")));

        Assert.Equal(10, await Shared.GetAsync());
        Assert.Equal(Enumerable.Range(1, 10).Select(static i => (long)i), answers.Distinct().Order());
        Assert.Equal(10, await Shared.RunsAsync());
    }

    [Fact]
    public async Task A_state_is_never_written_without_the_answers_of_the_operations_in_it()
    {
        var operation = SharedAsync(grain => grain.AddAndWaitAsync(3));
        await Eventually.TrueAsync(async () => await Shared.RunsAsync() == 1);
        var other = Shared.AddAsync(10);
        await Eventually.TrueAsync(async () => await Shared.RunsAsync() == 2);
        var reader = Shared.GetAsync();

        Assert.Null(await _cluster.Engine.Store<Stock>("stock").GetAsync(_sku));
        Assert.False(other.IsCompleted || reader.IsCompleted);

        await Shared.ContinueAsync();
        Assert.Equal((3, 13, 13), (await operation, await other, await reader));
        Assert.Equal(3, await SharedAsync(grain => grain.AddAndWaitAsync(3)));
        Assert.Equal(1, (await _cluster.Engine.Store<Stock>("stock").GetAsync(_sku))!.Version);
    }

    [Fact]
    public async Task Where_an_operation_fails_after_its_save_those_that_saw_its_change_fail_with_it()
    {
        await Shared.AddAsync(100);
        var operation = SharedAsync(grain => grain.AddWaitAndFailAsync(3));
        await Eventually.TrueAsync(async () => await Shared.RunsAsync() == 2);
        var other = Shared.AddAsync(10);
        await Eventually.TrueAsync(async () => await Shared.RunsAsync() == 3);

        await Shared.ContinueAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => operation);
        Assert.False((await Assert.ThrowsAsync<StateDiscardedException>(() => other)).ChangesSaved);
        Assert.Equal(100, await Shared.GetAsync());
        Assert.Equal(103, await SharedAsync(grain => grain.AddAsync(3)));
    }

    [Fact]
    public async Task Where_the_answer_of_a_write_is_lost_another_activation_knows_it()
    {
        await using var other = await one.TwinAsync();
        Assert.Equal(0, (await other.Grain<IOnceGrain>(_sku).InfoAsync()).Quantity);
        using var written = _cluster.Gate.HoldAt(ProtocolStep.Written, id: _sku);
        var first = OnceAsync(grain => grain.AddAsync(3));
        await written.ReachedAsync();

        using (Operations.Begin(Grain, _id))
        {
            Assert.Equal(3, await other.Grain<IOnceGrain>(_sku).AddAsync(3));
        }

        written.Release();
        Assert.Equal(3, await first);
        Assert.Equal(1, (await _cluster.Engine.Store<Stock>("stock").GetAsync(_sku))!.Version);
    }

    [Fact]
    public async Task An_activation_that_takes_an_id_for_new_is_told_by_the_write_that_another_has_carried_it_out()
    {
        await using var other = await one.TwinAsync();
        var (here, there) = (Grain, other.Grain<IOnceGrain>(_sku));
        await OnceAsync(grain => grain.LookAsync());
        using (Operations.Begin(there, _id))
        {
            await there.LookAsync();
        }

        // Both have loaded the state before this can have been made, and so take it for new.
        var started = DateTimeOffset.UtcNow;
        await Eventually.TrueAsync(() => DateTimeOffset.UtcNow > started.AddSeconds(1));
        var late = OperationId.New(DateTimeOffset.UtcNow.AddSeconds(4.5), "late");

        Assert.Equal(3, await OnceAsync(grain => grain.AddAsync(3), late));
        using (Operations.Begin(there, late))
        {
            Assert.Equal(3, await there.AddAsync(3));
        }

        Assert.Equal((2, 3, 1), await there.InfoAsync());
        Assert.Equal((2, 3, 1), await here.InfoAsync());
    }

    [Fact]
    public async Task After_many_operations_that_need_not_be_asked_for_a_repeat_of_any_of_them_gets_its_answer()
    {
        await SharedAsync(grain => grain.GetAsync());
        var started = DateTimeOffset.UtcNow;
        await Eventually.TrueAsync(() => DateTimeOffset.UtcNow > started.AddSeconds(1));
        string[] ids = [.. Enumerable.Range(0, 2000).Select(i => OperationId.New(DateTimeOffset.UtcNow.AddSeconds(4), $"{i}"))];
        var answers = await Task.WhenAll(ids.Select(id => SharedAsync(grain => grain.AddAsync(1), id)));

        Assert.Equal(answers, await Task.WhenAll(ids.Select(id => SharedAsync(grain => grain.AddAsync(1), id))));

        Assert.Equal((2000, 2000), (await Shared.GetAsync(), await Shared.RunsAsync()));
    }

    [Fact]
    public async Task An_operation_that_writes_through_is_answered_once_postgres_has_it_and_so_is_its_repeat()
    {
        Assert.Equal(3, await OnceAsync(grain => grain.AddThroughAsync(3)));
        Assert.Equal(3, await _cluster.Database.QuantityAsync(_sku));
        await Grain.AddAsync(1);

        Assert.Equal(3, await OnceAsync(grain => grain.AddThroughAsync(3)));

        Assert.Equal(4, await _cluster.Database.QuantityAsync(_sku));
    }

    [Fact]
    public async Task A_repeat_after_the_grain_has_moved_to_another_silo_gets_the_first_answer()
    {
        await using var two = await GrainCluster.StartAsync(_cluster.Options with { Silos = 2, Prefix = SharedServers.FreshName("o") });
        var grain = two.Grain<IStockGrain>(_sku);
        var id = OperationId.New(); // Made when the type is in use: the prefix is fresh.
        using (Operations.Begin(grain, id))
        {
            Assert.Equal(3, await grain.AddAsync(3));
        }

        var from = await grain.InfoAsync();
        var to = two.Cluster.Silos.First(silo => !from.Silo.Contains(silo.SiloAddress.ToString(), StringComparison.Ordinal));
        await grain.MigrateAsync(to.SiloAddress);
        await Eventually.TrueAsync(
            async () => (await grain.InfoAsync()).Silo.Contains(to.SiloAddress.ToString(), StringComparison.Ordinal));

        using (Operations.Begin(grain, id))
        {
            Assert.Equal(3, await grain.AddAsync(3));
        }

        Assert.Equal(3, await grain.GetAsync());
    }

    private Task<T> OnceAsync<T>(Func<IOnceGrain, Task<T>> call, string? id = null)
    {
        using (Operations.Begin(Grain, id ?? _id))
        {
            return call(Grain);
        }
    }

    private Task OnceAsync(Func<IOnceGrain, Task> call)
    {
        using (Operations.Begin(Grain, _id))
        {
            return call(Grain);
        }
    }

    private Task<T> SharedAsync<T>(Func<ISharedOnceGrain, Task<T>> call, string? id = null)
    {
        using (Operations.Begin(Shared, id ?? _id))
        {
            return call(Shared);
        }
    }
}
