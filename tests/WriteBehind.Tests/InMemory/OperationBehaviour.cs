using System.Globalization;
using System.Text;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What is promised of operations, on real servers and in memory.</summary>
public abstract class OperationBehaviour(Func<BehaviourOptions, Task<BehaviourHost>> start)
{
    [Fact]
    public async Task A_repeat_changes_nothing_and_gets_the_first_answer()
    {
        await using var host = await start(new());
        var operation = OperationId.New();

        var first = await AddAsync(host, "a", operation, 5);
        await AddAsync(host, "a", OperationId.New(), 10);
        var again = await AddAsync(host, "a", operation, 5);

        Assert.Equal((1, "5", false), (first.Version, Text(first), first.IsRepeat));
        Assert.Equal((1, "5", true), (again.Version, Text(again), again.IsRepeat));
        Assert.Equal(new Entity<Item>("a", 2, new Item(15)), await host.Items.GetAsync("a"));

        // At another entity it is another operation.
        Assert.False((await AddAsync(host, "b", operation, 5)).IsRepeat);
    }

    [Fact]
    public async Task It_is_remembered_beyond_flush_and_delete()
    {
        await using var host = await start(new());
        var (put, deleted, nothing) = (OperationId.New(), OperationId.New(), OperationId.New());
        await host.Items.SetAsync("a", put, new Item(7));
        await host.Items.FlushAsync("a");
        await host.Items.DeleteAsync("a", deleted);
        await host.Items.FlushAsync("a");

        var repeat = await host.Items.SetAsync("a", put, new Item(7));
        Assert.Equal((1, true), (repeat.Version, repeat.IsRepeat));
        Assert.Null(await host.Items.GetAsync("a"));

        // Also one that finds nothing to delete: repeated, it does not delete what came since.
        Assert.False((await host.Items.DeleteAsync("b", nothing)).IsRepeat);
        await host.Items.SetAsync("b", new Item(1));
        Assert.True((await host.Items.DeleteAsync("b", nothing)).IsRepeat);
        Assert.NotNull(await host.Items.GetAsync("b"));
    }

    [Fact]
    public async Task A_repeat_gets_its_answer_though_it_would_be_refused_now()
    {
        await using var host = await start(new() { Item = static item => item.MaxDirty = 1 });
        var operation = OperationId.New();
        await host.Items.SetAsync("a", operation, new Item(1), expectedVersion: 0);
        await host.Items.FlushAsync("a");
        await host.Items.SetAsync("b", new Item(1));

        Assert.True((await host.Items.SetAsync("a", operation, new Item(1), expectedVersion: 0)).IsRepeat);
        await Assert.ThrowsAsync<WriteConflictException>(
            () => host.Items.SetAsync("a", OperationId.New(), new Item(1), expectedVersion: 0));
    }

    [Fact]
    public async Task One_whose_function_throws_has_not_taken_effect()
    {
        await using var host = await start(new());
        var operation = OperationId.New();

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => host.Items.UpdateAsync("a", operation, static _ => throw new InvalidOperationException("not now")));

        Assert.False((await AddAsync(host, "a", operation, 5)).IsRepeat);
    }

    [Fact]
    public async Task An_answer_that_was_lost_is_given_to_who_repeats_the_call()
    {
        await using var host = await start(new() { HarmsRedis = true });
        await host.Items.SetAsync("a", new Item(1));
        var operation = OperationId.New();

        var error = await host.WriteWithLostAnswerAsync("a", () => AddAsync(host, "a", operation, 5));
        var again = await AddAsync(host, "a", operation, 5);

        Assert.True(error.OutcomeUnknown);
        Assert.Equal((2, "6", true), (again.Version, Text(again), again.IsRepeat));
        Assert.Equal(new Entity<Item>("a", 2, new Item(6)), await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task An_id_that_is_none_or_too_young_or_too_old_is_refused()
    {
        await using var host = await start(new() { Item = static item => item.OperationTime = TimeSpan.FromMinutes(1) });
        var now = DateTimeOffset.UtcNow;

        await Assert.ThrowsAsync<InvalidOperationIdException>(() => AddAsync(host, "a", "order 7", 1));
        await Assert.ThrowsAsync<InvalidOperationIdException>(
            () => AddAsync(host, "a", OperationId.New(now + TimeSpan.FromMinutes(5), "7"), 1));
        var old = await Assert.ThrowsAsync<OperationForgottenException>(
            () => AddAsync(host, "a", OperationId.New(now - TimeSpan.FromMinutes(5), "7"), 1));

        Assert.Equal(OperationDoubt.Expired, old.Doubt);
        Assert.Null(await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Beyond_the_bound_of_an_entity_older_ones_are_forgotten_and_refused()
    {
        await using var host = await start(new() { Item = static item => item.MaxOperationsPerEntity = 8 });
        var begun = DateTimeOffset.UtcNow;
        string[] operations = [.. Enumerable.Range(0, 40).Select(
            i => OperationId.New(begun + TimeSpan.FromMilliseconds(i), i.ToString(CultureInfo.InvariantCulture)))];
        await host.Items.SetAsync("a", new Item(0));
        foreach (var operation in operations)
        {
            await AddAsync(host, "a", operation, 1);
        }

        var older = await Assert.ThrowsAsync<OperationForgottenException>(() => AddAsync(host, "a", operations[20], 1));

        Assert.Equal(OperationDoubt.Dropped, older.Doubt);
        Assert.True((await AddAsync(host, "a", operations[^1], 1)).IsRepeat);
        Assert.Equal(new Item(40), (await host.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task A_result_that_is_too_long_is_refused_before_anything_is_written()
    {
        await using var host = await start(new() { Item = static item => item.MaxOperationResultBytes = 4 });

        var error = await Assert.ThrowsAsync<OperationResultException>(
            () => host.Items.UpdateAsync("a", OperationId.New(), static _ => new Item(1), static _ => new byte[5]));

        Assert.Equal((5, 4), (error.Length, error.Limit));
        Assert.Null(await host.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Of_callers_that_race_with_one_id_one_takes_effect()
    {
        await using var host = await start(new());
        var operation = OperationId.New();

        var answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => AddAsync(host, "a", operation, 5)));

        Assert.Single(answers, static answer => !answer.IsRepeat);
        Assert.All(answers, static answer => Assert.Equal((1, "5"), (answer.Version, Text(answer))));
    }

    private static Task<OperationAnswer> AddAsync(BehaviourHost host, string id, string operation, long quantity)
        => host.Items.UpdateAsync(
            id,
            operation,
            item => new Item((item?.Quantity ?? 0) + quantity),
            static item => Encoding.UTF8.GetBytes(item!.Quantity.ToString(CultureInfo.InvariantCulture)));

    private static string Text(OperationAnswer answer) => Encoding.UTF8.GetString(answer.Result.Span);
}

public sealed class RealOperationBehaviour() : OperationBehaviour(RealHost.StartAsync);

public sealed class InMemoryOperationBehaviour() : OperationBehaviour(MemoryHost.StartAsync);
