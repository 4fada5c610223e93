using WriteBehind.Tests.Support;
using WriteBehind.TestTools;
using WriteBehind.Writing;

namespace WriteBehind.Tests.Entities;

/// <summary>Callers that give up while their call is under way, and what fails once they are gone.</summary>
public sealed class LeftCallTests
{
    public static TheoryData<string> Calls => ["get", "get many", "set", "update", "delete", "load"];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task An_error_that_comes_when_its_caller_has_gone_is_not_reported_as_unobserved(string call)
    {
        using var errors = new UnobservedErrors();
        await using var engine = await TestEngine.StartAsync();
        var text = Guid.NewGuid().ToString("N");

        await LeaveAsync(engine, call, text);

        Assert.False(await errors.AnySaysAsync(text));
    }

    [Fact]
    public async Task An_error_of_a_change_whose_caller_has_gone_is_not_reported_as_unobserved()
    {
        using var errors = new UnobservedErrors();
        var text = Guid.NewGuid().ToString("N");

        Fail(text);

        Assert.False(await errors.AnySaysAsync(text));

        static void Fail(string text)
            => new LaneOperation<Item>("a", ChangeKind.Update, static item => item, null, null, 0, CancellationToken.None).Fail(
                new InvalidOperationException(text));
    }

    /// <summary>Gives a call up while it loads, and then lets the load fail.</summary>
    private static async Task LeaveAsync(TestEngine engine, string call, string text)
    {
        var failing = new TaskCompletionSource();
        var loading = new TaskCompletionSource();
        engine.Sink.BeforeLoad = _ =>
        {
            loading.TrySetResult();
            return failing.Task;
        };
        using var gone = new CancellationTokenSource();
        var left = CallAsync(engine, call, gone.Token);
        await loading.Task.WaitAsync(Eventually.DefaultDeadline);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        engine.Sink.BeforeLoad = null;
        failing.SetException(new InvalidOperationException(text));

        // It comes after the one that fails, in the lane of the entity.
        await engine.Items.SetAsync("a", new Item(1));
    }

    private static Task CallAsync(TestEngine engine, string call, CancellationToken cancellationToken) => call switch
    {
        "get" => engine.Items.GetAsync("a", cancellationToken),
        "get many" => engine.Items.GetManyAsync(["a"], cancellationToken),
        "set" => engine.Items.SetAsync("a", new Item(1), cancellationToken: cancellationToken),
        "update" => engine.Items.UpdateAsync("a", static item => item, cancellationToken),
        "delete" => engine.Items.DeleteAsync("a", cancellationToken: cancellationToken),
        _ => engine.Items.OpenSession("a").LoadAsync(cancellationToken),
    };
}
