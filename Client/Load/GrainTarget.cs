using Client.Cluster;
using Orleans.WriteBehind;
using Proof.Load;
using Silo.Contracts;
using WriteBehind;

namespace Client.Load;

/// <summary>Writes movements to stock grains, each as an operation: it is repeated until it is answered, and counts once.</summary>
internal sealed class GrainTarget(IGrainFactory grains) : IMovementTarget, IMovementConnection
{
    /// <summary>Longer than silos take to notice that one has died, and less than operations are remembered for.</summary>
    private static readonly OperationRepeat Repeat = new() { Deadline = TimeSpan.FromMinutes(2) };

    public ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<IMovementConnection>(this);
    }

    public async Task<WriteAnswer> WriteAsync(string id, long amount)
    {
        var tries = 0;
        try
        {
            await grains.GetGrain<IStockGrain>(id).CallAsync(
                OperationId.New(),
                stock =>
                {
                    tries++;
                    return stock.BookAsync(amount);
                },
                Repeat);
            return new(WriteResult.Acknowledged);
        }
#pragma warning disable CA1031 // Whatever it is, it is the answer; most of what the runtime throws leaves the outcome open.
        catch (Exception e)
#pragma warning restore CA1031
        {
            // A try that was refused says nothing of an earlier one, which may still be under way.
            var error = Errors.Unwrap(e);
            return tries == 1 && Errors.IsCertainlyNotApplied(error)
                ? new(WriteResult.Refused, error.Message)
                : new(WriteResult.Unknown, Reason(error));
        }
    }

    // The messages of the runtime name grains and addresses, each another one: of no use in a list of reasons.
    private static string Reason(Exception error) => error is OrleansException or TimeoutException ? error.GetType().Name : error.Message;
}
