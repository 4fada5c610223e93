using System.Globalization;

namespace Proof;

/// <summary>Waits for a service to have flushed everything.</summary>
public static class Backlog
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits until nothing is dirty. Gives up once the backlog has not shrunk for <paramref name="patience"/>.</summary>
    /// <exception cref="RunFailedException">It gave up.</exception>
    public static async Task<ServiceStatus> WaitCleanAsync(IProofSubject subject, TimeSpan patience, CancellationToken cancellationToken)
    {
        long? least = null;
        var shrunkAt = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var status = await subject.TryGetStatusAsync(cancellationToken);
            if (status is { Dirty: 0 } clean)
            {
                return clean;
            }

            if (status is { } dirty && !(dirty.Dirty >= least))
            {
                least = dirty.Dirty;
                shrunkAt = TimeProvider.System.GetTimestamp();
            }
            else if (TimeProvider.System.GetElapsedTime(shrunkAt) > patience)
            {
                throw new RunFailedException(least is null
                    ? string.Create(
                        CultureInfo.InvariantCulture, $"The service did not say for {patience.TotalSeconds:0} s how it is doing.")
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"{least} products are still unflushed, and none was flushed for {patience.TotalSeconds:0} s."));
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }
}
