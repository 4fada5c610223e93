using System.Collections.Concurrent;
using Client.Cluster;
using Proof.Load;
using WriteBehind.TestTools;

namespace Cluster.Tests.Support;

/// <summary>Writes to grains, and keeps what was answered.</summary>
/// <param name="write">Makes a change; returns the number of changes that the entity has seen with it.</param>
internal sealed class RecordedTarget(Func<string, long, Task<long>> write) : IMovementTarget, IMovementConnection
{
    // A caller thinks before its next write. The load is there to be disturbed, and not to keep the silos' machine from running them.
    private static readonly TimeSpan ThinkTime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<(string Id, long Number), int> _acknowledged = new();
    private readonly ConcurrentQueue<Exception> _failures = new();

    /// <summary>All that callers were told of.</summary>
    public IReadOnlyCollection<Exception> Failures => _failures;

    /// <summary>Writes of which two were acknowledged as the same one: one of them is lost.</summary>
    public IEnumerable<string> AcknowledgedTwice
        => _acknowledged.Where(write => write.Value > 1).Select(write => $"{write.Key.Id}, number {write.Key.Number}");

    public async ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
    {
        await Pause.ForAsync(ThinkTime, cancellationToken);
        return this;
    }

    public async Task<WriteAnswer> WriteAsync(string id, long amount)
    {
        try
        {
            var number = await write(id, amount);
            _acknowledged.AddOrUpdate((id, number), 1, (_, times) => times + 1);
            return new(WriteResult.Acknowledged);
        }
#pragma warning disable CA1031 // Whatever it is, it is the answer; the end of the run looks at what it was.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failures.Enqueue(e);
            await Pause.ForAsync(PauseAfterFailure);
            return new(Errors.IsCertainlyNotApplied(e) ? WriteResult.Refused : WriteResult.Unknown, e.GetType().Name);
        }
    }
}
