using System.Diagnostics;
using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Crash;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operations;

/// <summary>Callers repeat until they are answered, whatever happens to their process and its connection: sums are exact.</summary>
public sealed class RepeatedCallTests
{
    public static TheoryData<string> Steps => [.. Enum.GetNames<ProtocolStep>()];

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task After_a_kill_at_any_step_every_call_is_repeated_elsewhere_and_counts_once(string step)
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = KillAtEachStepTests.ShortLease });
        await using var child = ChildEngine.Start<SuicidalCaller>(engine.Options, step);
        Assert.Equal(128 + 9, await child.WaitForExitAsync());
        var calls = child.Output
            .Where(static line => line.StartsWith("call ", StringComparison.Ordinal)).Select(static line => line.Split(' ')).ToArray();
        Assert.InRange(calls.Length, SuicidalCaller.Entities + 1, 2 * SuicidalCaller.Entities);

        var repeats = 0;
        foreach (var call in calls)
        {
            repeats += (await OperationTests.AddAsync(engine, call[1], call[2], 1)).IsRepeat ? 1 : 0;
        }

        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        Assert.InRange(repeats, calls.Length - 1, calls.Length);
        var rows = await engine.Table.RowsAsync();
        Assert.Equal(calls.Length, rows.Values.Sum(static row => row.Quantity));
        Assert.All(calls.GroupBy(static call => call[1]), calls => Assert.Equal(calls.Count(), rows[calls.Key].Quantity));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_whose_answer_got_lost_learns_it_from_another_process(bool flushed)
    {
        await using var there = await ProxiedEngine.StartAsync(static settings => settings.WriteTimeout = TimeSpan.FromSeconds(2));
        await using var other = await there.StartOtherAsync();
        var operation = OperationId.New();
        there.Engine.Gate.RunAt(
            ProtocolStep.BeforeWrite,
            () =>
            {
                there.Proxy.DropResponses();
                return Task.CompletedTask;
            },
            id: "a");
        var lost = await Assert.ThrowsAsync<BufferUnavailableException>(
            () => OperationTests.AddAsync(there.Engine, "a", operation, 5));
        Assert.True(lost.OutcomeUnknown);
        if (flushed)
        {
            await other.FlushAsync("a");
        }

        var answer = await OperationTests.AddAsync(other, "a", operation, 5);

        Assert.Equal((1, 5, true), (answer.Version, OperationTests.Quantity(answer), answer.IsRepeat));
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await other.Items.GetAsync("a"));
    }

    [Fact]
    public async Task A_request_that_was_held_up_and_arrives_after_its_repeat_changes_nothing()
    {
        await using var engine = await TestEngine.StartAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);
        var operation = OperationId.New();
        Task<OperationAnswer> late;
        using (var held = engine.Gate.HoldAt(ProtocolStep.BeforeWrite))
        {
            late = OperationTests.AddAsync(engine, "a", operation, 5);
            await held.ReachedAsync();
            Assert.False((await OperationTests.AddAsync(other, "a", operation, 5)).IsRepeat);
            await other.FlushAsync("a");
            held.Release();
        }

        Assert.Equal((1, true), ((await late).Version, (await late).IsRepeat));
        Assert.Equal(new Entity<Item>("a", 1, new Item(5)), await other.Items.GetAsync("a"));
    }

    [Fact]
    public async Task Sums_are_exact_while_connections_are_cut_and_every_caller_repeats_until_it_is_answered()
    {
        const int callers = 8;
        const int rounds = 60;
        await using var there = await ProxiedEngine.StartAsync(static settings => settings.WriteTimeout = TimeSpan.FromSeconds(1));
        await using var other = await there.StartOtherAsync();
        using var done = new CancellationTokenSource();
        var cutting = Task.Run(async () =>
        {
            var cuts = 0;
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(60));
            while (!done.IsCancellationRequested)
            {
                await pace.WaitForNextTickAsync(CancellationToken.None);
                cuts += await there.Proxy.CutAsync();
            }

            return cuts;
        });
        await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (var round = 0; round < rounds; round++)
            {
                await CallAsync($"e{(caller + round) % 3}", OperationId.New(), caller + round);
            }
        }));
        await done.CancelAsync();

        Assert.True(await cutting > 1, "No connection was cut: the test saw nothing.");
        await Eventually.TrueAsync(async () => (await other.FlushAllAsync()).IsClean);
        var rows = (await other.Table.RowsAsync()).Values;
        Assert.Equal(callers * rounds, rows.Sum(static row => row.Quantity));
        Assert.All(rows, static row => Assert.Equal(row.Quantity, row.Version));

        async Task CallAsync(string id, string operation, int turn)
        {
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    await OperationTests.AddAsync((turn + attempt) % 2 == 0 ? there.Engine : other, id, operation, 1);
                    return;
                }
                catch (BufferUnavailableException)
                {
                    // Whether it is known or not: it is repeated.
                }
            }
        }
    }
}

/// <summary>Makes calls that count once, two for each entity, and kills itself at a step of the second round or of its flush.</summary>
internal sealed class SuicidalCaller : IChildProgram
{
    public const int Entities = 20;

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var step = Enum.Parse<ProtocolStep>(arguments[3]);
        await using var engine = await TestEngine.StartAsync(
            ChildEngine.OptionsFrom(arguments) with { Item = KillAtEachStepTests.ShortLease });
        await CallAllAsync(engine);
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        if (step <= ProtocolStep.Written)
        {
            engine.Gate.RunAt(step, DieAsync);
        }

        await CallAllAsync(engine);
        engine.Gate.RunAt(step, DieAsync);
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
    }

    private static async Task CallAllAsync(TestEngine engine)
    {
        for (var i = 0; i < Entities; i++)
        {
            var (id, operation) = (i.ToString(CultureInfo.InvariantCulture), OperationId.New());
            Console.WriteLine($"call {id} {operation}");
            await OperationTests.AddAsync(engine, id, operation, 1);
        }
    }

    private static Task DieAsync()
    {
        Process.GetCurrentProcess().Kill();
        return new TaskCompletionSource().Task;
    }
}
