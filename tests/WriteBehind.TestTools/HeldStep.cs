using System.Threading.Channels;
using WriteBehind.Buffer;

namespace WriteBehind.TestTools;

/// <summary>A step at which a <see cref="Gate"/> holds batches.</summary>
internal sealed class HeldStep : IDisposable
{
    private readonly ProtocolStep _step;
    private readonly Channel<IReadOnlyList<string>> _arrivals = Channel.CreateUnbounded<IReadOnlyList<string>>();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal HeldStep(ProtocolStep step) => _step = step;

    /// <summary>Waits until a batch is held here and gives its ids. With more than one held batch each call gives the next one.</summary>
    public async Task<IReadOnlyList<string>> ReachedAsync(TimeSpan? deadline = null)
    {
        using var limit = new CancellationTokenSource(deadline ?? Eventually.DefaultDeadline);
        try
        {
            return await _arrivals.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"No batch reached the step {_step} in time.");
        }
    }

    /// <summary>Lets all held batches go on, and those that would still be held.</summary>
    public void Release() => _released.TrySetResult();

    /// <summary>Releases, so that a failing test leaves nobody waiting.</summary>
    public void Dispose() => Release();

    internal async Task HoldAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        _arrivals.Writer.TryWrite(ids);
        await _released.Task.WaitAsync(cancellationToken);
    }
}
