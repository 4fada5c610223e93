using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Harness;

public sealed class GateTests
{
    private readonly Gate _gate = new();

    [Fact]
    public async Task A_held_batch_waits_for_its_release_and_others_pass()
    {
        using var held = _gate.HoldAt(ProtocolStep.Saved, id: "b");
        await ReachAsync("a");
        var waiting = ReachAsync("a", "b");

        Assert.Equal(["a", "b"], await held.ReachedAsync());
        Assert.False(waiting.IsCompleted);
        held.Release();
        await waiting;
        await ReachAsync("b");
        Assert.Equal(3, _gate.CountOf(ProtocolStep.Saved));
    }

    [Fact]
    public async Task A_failure_happens_as_often_as_asked_for()
    {
        _gate.FailAt(ProtocolStep.Saved, new IOException("on purpose"), times: 2);
        await Assert.ThrowsAsync<IOException>(() => ReachAsync("a"));
        await Assert.ThrowsAsync<IOException>(() => ReachAsync("a"));
        await ReachAsync("a");
    }

    private async Task ReachAsync(params string[] ids) => await _gate.ReachAsync(ProtocolStep.Saved, "type", ids, CancellationToken.None);
}
