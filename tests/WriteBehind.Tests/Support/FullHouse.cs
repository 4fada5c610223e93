using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Support;

/// <summary>
/// As many writes as may be under way, each a call of its own and held after it, so that what comes now waits for the next calls.
/// </summary>
internal sealed class FullHouse : IDisposable
{
    private readonly HeldStep _held;
    private readonly List<Task<long>> _writes = [];

    private FullHouse(HeldStep held) => _held = held;

    public int Count => _writes.Count;

    /// <param name="engine">The engine.</param>
    /// <param name="ids">At least as many entities.</param>
    public static async Task<FullHouse> FillAsync(TestEngine engine, IEnumerable<string> ids)
    {
        var house = new FullHouse(engine.Gate.HoldAt(ProtocolStep.Written, times: EntityBuffer.BatchesUnderWay));
        foreach (var id in ids.Take(EntityBuffer.BatchesUnderWay))
        {
            var reached = engine.Gate.CountOf(ProtocolStep.Written);
            house._writes.Add(engine.Items.SetAsync(id, new Item(0), expectedVersion: 0));
            await Eventually.TrueAsync(() => engine.Gate.CountOf(ProtocolStep.Written) > reached);
        }

        return house;
    }

    /// <summary>Lets them go, and waits until they are acknowledged.</summary>
    public Task ReleaseAsync()
    {
        _held.Release();
        return Task.WhenAll(_writes);
    }

    public void Dispose() => _held.Dispose();
}
