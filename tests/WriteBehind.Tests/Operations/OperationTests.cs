using System.Buffers.Binary;
using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Operations;

/// <summary>A call with an operation id takes effect once, and whoever repeats it gets the answer of the first time.</summary>
public sealed class OperationTests
{
    private const int Callers = 64;

    [Fact]
    public async Task A_repeat_changes_nothing_and_gets_the_first_answer_in_any_process()
    {
        await using var engine = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);
        var operation = OperationId.New();

        var first = await AddAsync(engine, "a", operation, 5);
        await AddAsync(engine, "a", OperationId.New(), 10);
        var again = await AddAsync(engine, "a", operation, 5);
        var elsewhere = await AddAsync(other, "a", operation, 5);

        Assert.Equal((1, 5, false), (first.Version, Quantity(first), first.IsRepeat));
        Assert.Equal((1, 5, true), (again.Version, Quantity(again), again.IsRepeat));
        Assert.Equal((1, 5, true), (elsewhere.Version, Quantity(elsewhere), elsewhere.IsRepeat));
        Assert.Equal(new Entity<Item>("a", 2, new Item(15)), await other.Items.GetAsync("a"));
    }

    [Theory]
    [InlineData(AfterFlush.Delete)]
    [InlineData(AfterFlush.Keep)]
    public async Task What_is_remembered_outlives_flush_removal_and_delete(AfterFlush afterFlush)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => item.AfterFlush = afterFlush });
        var (put, deleted) = (OperationId.New(), OperationId.New());
        var first = await engine.Items.SetAsync("a", put, new Item(7));
        await engine.FlushAsync("a");
        Assert.True((await engine.Items.SetAsync("a", put, new Item(7))).IsRepeat);
        await engine.Items.EvictAsync("a");
        Assert.True((await engine.Items.SetAsync("a", put, new Item(7))).IsRepeat);

        await engine.Items.DeleteAsync("a", deleted);
        await engine.FlushAsync("a");
        var repeat = await engine.Items.SetAsync("a", put, new Item(7));

        Assert.Equal((first.Version, true), (repeat.Version, repeat.IsRepeat));
        Assert.Equal(2, (await engine.Items.DeleteAsync("a", deleted)).Version);
        Assert.Null(await engine.Items.GetAsync("a"));
        Assert.Null(await engine.Table.RowAsync("a"));
    }

    [Fact]
    public async Task Of_callers_that_race_with_one_id_in_two_processes_one_takes_effect_and_all_get_its_answer()
    {
        await using var engine = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);
        var operation = OperationId.New();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, Callers).Select(i => AddAsync(i % 2 == 0 ? engine : other, "a", operation, 5)));

        Assert.Single(answers, static answer => !answer.IsRepeat);
        Assert.All(answers, static answer => Assert.Equal((1, 5), (answer.Version, Quantity(answer))));
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Operations_that_share_a_write_have_each_its_own_version_and_answer_and_a_repeat_among_them_counts_once()
    {
        await using var engine = await TestEngine.StartAsync();
        string[] operations = [.. Enumerable.Range(0, Callers).Select(static _ => OperationId.New())];
        Task<OperationAnswer>[] rest;
        using (var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite))
        {
            var head = engine.Items.SetAsync("a", new Item(0));
            await held.ReachedAsync();
            rest = [.. operations.Concat(operations).Select(operation => AddAsync(engine, "a", operation, 1))];
            held.Release();
            await head;
        }

        var answers = await Task.WhenAll(rest);

        Assert.Equal(Enumerable.Range(2, Callers).Select(static i => (long)i), answers[..Callers].Select(static answer => answer.Version));
        Assert.Equal(Enumerable.Range(1, Callers).Select(static i => (long)i), answers[..Callers].Select(Quantity));
        Assert.All(answers[..Callers], static answer => Assert.False(answer.IsRepeat));
        Assert.Equal(
            answers[..Callers].Select(static answer => (answer.Version, Quantity(answer), true)),
            answers[Callers..].Select(static answer => (answer.Version, Quantity(answer), answer.IsRepeat)));
        Assert.Equal(new Entity<Item>("a", Callers + 1, new Item(Callers)), await engine.Items.GetAsync("a"));

        // The first put, the operations, and what finds out that the others are repeats.
        Assert.InRange((await engine.StatusAsync()).Counters.BufferWrites, 2, 3);
    }

    [Fact]
    public async Task A_repeat_that_would_be_refused_by_now_gets_the_first_answer_all_the_same()
    {
        await using var engine = await TestEngine.StartAsync();
        var (created, taken) = (OperationId.New(), OperationId.New());
        await engine.Items.SetAsync("a", created, new Item(1), expectedVersion: 0);
        await TakeAsync(taken);

        Assert.True((await engine.Items.SetAsync("a", created, new Item(1), expectedVersion: 0)).IsRepeat);
        Assert.True((await TakeAsync(taken)).IsRepeat);
        await Assert.ThrowsAsync<WriteConflictException>(
            () => engine.Items.SetAsync("a", OperationId.New(), new Item(1), expectedVersion: 0));
        await Assert.ThrowsAsync<InvalidOperationException>(() => TakeAsync(OperationId.New()));

        Task<OperationAnswer> TakeAsync(string operation) => engine.Items.UpdateAsync(
            "a",
            operation,
            static state => state!.Quantity > 0 ? new Item(state.Quantity - 1) : throw new InvalidOperationException("none"));
    }

    [Fact]
    public async Task An_operation_whose_function_threw_has_not_taken_effect_and_is_judged_anew()
    {
        await using var engine = await TestEngine.StartAsync();
        var operation = OperationId.New();
        await Assert.ThrowsAsync<TimeoutException>(
            () => engine.Items.UpdateAsync("a", operation, static _ => throw new TimeoutException()));

        Assert.False((await AddAsync(engine, "a", operation, 5)).IsRepeat);
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_delete_of_nothing_is_remembered_and_does_not_delete_what_came_since()
    {
        await using var engine = await TestEngine.StartAsync();
        var operation = OperationId.New();
        Assert.False((await engine.Items.DeleteAsync("a", operation)).IsRepeat);
        await engine.Items.SetAsync("a", new Item(1));

        Assert.True((await engine.Items.DeleteAsync("a", operation)).IsRepeat);
        Assert.Equal(new Item(1), (await engine.Items.GetAsync("a"))!.State);
    }

    [Fact]
    public async Task A_repeat_is_answered_where_the_database_is_away_and_the_type_is_full()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxDirty = 1 });
        var operation = OperationId.New();
        await AddAsync(engine, "a", operation, 5);
        await engine.FlushAsync("a");
        await engine.Items.SetAsync("b", new Item(1));
        engine.Sink.BeforeLoad = static _ => throw SinkProbe.Outage();

        var answer = await AddAsync(engine, "a", operation, 5);

        Assert.Equal((1, true), (answer.Version, answer.IsRepeat));
    }

    [Fact]
    public async Task Written_through_a_repeat_returns_once_the_database_has_it()
    {
        await using var engine = await TestEngine.StartAsync();
        var operation = OperationId.New();
        await AddAsync(engine, "a", operation, 5);
        var through = engine.Items.With(WriteStrategy.Through);

        Assert.True((await through.SetAsync("a", operation, new Item(9))).IsRepeat);

        Assert.Equal(new ItemRow("a", 1, 5, null), await engine.Table.RowAsync("a"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("order-4711")]
    [InlineData("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")]
    [InlineData("0198c5a0-0000-7000-8000-000000000000x")]
    [InlineData("1767225600000-with blank")]
    [InlineData("1767225600000-é")]
    public async Task A_text_without_a_time_names_no_operation_and_nothing_is_written(string? operation)
    {
        await using var engine = await TestEngine.StartAsync();

        var error = await Assert.ThrowsAsync<InvalidOperationIdException>(() => AddAsync(engine, "a", operation!, 1));

        Assert.Equal(("item", "a", operation), (error.EntityType, error.EntityId, error.Operation));
        Assert.Null(await engine.Items.GetAsync("a"));
    }

    [Fact]
    public async Task One_operation_has_one_name_however_its_uuid_is_written()
    {
        await using var engine = await TestEngine.StartAsync();
        var operation = OperationId.New() + "/Line-1";
        await AddAsync(engine, "a", operation, 1);

        Assert.True((await AddAsync(engine, "a", operation[..36].ToUpperInvariant() + "/Line-1", 1)).IsRepeat);
        Assert.False((await AddAsync(engine, "a", operation[..36] + "/line-1", 1)).IsRepeat);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1767225600000), OperationId.TimeOf("1767225600000-order-4711"));
        Assert.Null(OperationId.TimeOf("order-4711"));
    }

    [Fact]
    public async Task A_result_that_is_too_long_is_an_error_before_anything_is_written()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxOperationResultBytes = 8 });
        var operation = OperationId.New();

        var error = await Assert.ThrowsAsync<OperationResultException>(
            () => engine.Items.UpdateAsync("a", operation, static _ => new Item(1), static _ => new byte[9]));

        Assert.Equal((operation, 9, 8), (error.Operation, error.Length, error.Limit));
        Assert.Null(await engine.Items.GetAsync("a"));
        Assert.False((await AddAsync(engine, "a", operation, 5)).IsRepeat);
    }

    [Fact]
    public async Task Writes_without_an_id_leave_nothing_behind_and_run_the_script_that_knows_nothing_of_operations()
    {
        await using var engine = await TestEngine.StartAsync();
        var view = await BufferView.OfAsync(engine);
        await engine.Items.UpdateAsync("a", static _ => new Item(1));
        Assert.Equal(0, await view.MemosAsync("a"));
        Assert.DoesNotContain("keep(", WriteScript.Script.Text, StringComparison.Ordinal);

        await AddAsync(engine, "a", OperationId.New(), 1);

        Assert.Equal(1, await view.MemosAsync("a"));
    }

    internal static Task<OperationAnswer> AddAsync(TestEngine engine, string id, string operation, long quantity)
        => engine.Items.UpdateAsync(
            id, operation, state => new Item((state?.Quantity ?? 0) + quantity), static state => BitConverter.GetBytes(state!.Quantity));

    internal static long Quantity(OperationAnswer answer) => BinaryPrimitives.ReadInt64LittleEndian(answer.Result.Span);

    internal static string At(DateTimeOffset time, long number)
        => OperationId.New(time.AddMilliseconds(number), number.ToString(CultureInfo.InvariantCulture));
}
