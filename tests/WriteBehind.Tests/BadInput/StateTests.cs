using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.BadInput;

public sealed class StateTests : IAsyncLifetime
{
    private TestEngine _engine = null!;

    private IEntityStore<Node> Nodes => _engine.Engine.Store<Node>("node");

    public async Task InitializeAsync() => _engine = await TestEngine.StartAsync(new()
    {
        More = static builder => builder.AddEntity<Node>("node", static node => node.MaxPayloadBytes = 1_000),
    });

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public Task A_number_that_json_has_no_word_for_is_refused(double value)
        => RefusedAsync(new Node { Value = value }, PayloadProblem.NotSerializable);

    [Fact]
    public Task A_state_that_contains_itself_is_refused()
    {
        var cycle = new Node();
        cycle.Next = cycle;
        return RefusedAsync(cycle, PayloadProblem.NotSerializable);
    }

    [Fact]
    public Task An_over_long_state_is_refused() => RefusedAsync(new Node { Text = new string('x', 1_000) }, PayloadProblem.TooLarge);

    [Fact]
    public async Task A_state_of_exactly_the_longest_length_is_stored()
    {
        var frame = """{"Value":0,"Text":"","Next":null}""".Length;
        await Nodes.SetAsync("a", new Node { Text = new string('x', 1_000 - frame) });
        await Nodes.FlushAsync("a");
        Assert.Equal(1_000 - frame, (await Nodes.GetAsync("a"))!.State.Text.Length);
        await RefusedAsync(new Node { Text = new string('x', 1_001 - frame) }, PayloadProblem.TooLarge);
    }

    [Fact]
    public async Task Null_is_no_state()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(() => Nodes.SetAsync("a", null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Nodes.UpdateAsync("a", null!));
        Assert.Null(await Nodes.GetAsync("a"));
    }

    [Fact]
    public async Task Of_updates_that_share_a_write_only_the_one_with_a_bad_state_fails()
    {
        await Nodes.SetAsync("a", new Node());
        var updates = Enumerable.Range(1, 30).Select(n => Nodes.UpdateAsync("a", node => new Node
        {
            Value = node!.Value + 1,
            Text = n == 10 ? new string('x', 2_000) : node.Text,
            Next = n == 20 ? new Node { Value = double.NaN } : node.Next,
        })).ToList();
        var errors = await Task.WhenAll(updates.Select(update => Record.ExceptionAsync(() => update)));

        Assert.Equal(PayloadProblem.TooLarge, Assert.IsType<PayloadException>(errors[9]).Problem);
        Assert.Equal(PayloadProblem.NotSerializable, Assert.IsType<PayloadException>(errors[19]).Problem);
        Assert.Equal(28, errors.Count(static error => error is null));
        Assert.Equal(28, (await Nodes.GetAsync("a"))!.State.Value);
    }

    [Fact]
    public async Task A_change_function_that_throws_fails_alone_and_leaves_no_trace()
    {
        await Nodes.SetAsync("a", new Node());
        var updates = Enumerable.Range(1, 30).Select(n => Nodes.UpdateAsync("a", node =>
        {
            node!.Value++;
            return n % 10 == 0 ? throw new InvalidOperationException($"on purpose {n}") : node;
        })).ToList();
        var errors = await Task.WhenAll(updates.Select(update => Record.ExceptionAsync(() => update)));

        Assert.Equal(
            ["on purpose 10", "on purpose 20", "on purpose 30"], errors.OfType<InvalidOperationException>().Select(static e => e.Message));
        Assert.Equal(27, (await Nodes.GetAsync("a"))!.State.Value);
    }

    [Fact]
    public async Task An_unknown_type_is_refused_and_the_known_ones_are_named()
    {
        var error = Assert.Throws<UnknownEntityTypeException>(() => _engine.Engine.Store<Item>("nothing"));
        Assert.Contains("registered are: item, node", error.Message, StringComparison.Ordinal);
        Assert.Throws<UnknownEntityTypeException>(() => _engine.Engine.Store<Item>("node"));
        Assert.Throws<UnknownEntityTypeException>(() => _engine.Engine.Store<string>());
        await Assert.ThrowsAsync<UnknownEntityTypeException>(() => _engine.Engine.FlushAsync("nothing", "a"));
    }

    private async Task RefusedAsync(Node state, PayloadProblem problem)
    {
        await Nodes.SetAsync("refused", new Node { Text = "before" });

        var error = await Assert.ThrowsAsync<PayloadException>(() => Nodes.SetAsync("refused", state));

        Assert.Equal((problem, "node", "refused"), (error.Problem, error.EntityType, error.EntityId));
        Assert.Contains("nothing was written", error.Message, StringComparison.Ordinal);
        Assert.Equal("before", (await Nodes.GetAsync("refused"))!.State.Text);
    }
}
