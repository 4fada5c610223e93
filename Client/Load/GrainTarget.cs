using Client.Cluster;
using Proof.Load;
using Silo.Contracts;

namespace Client.Load;

/// <summary>Writes movements to stock grains.</summary>
internal sealed class GrainTarget(IGrainFactory grains) : IMovementTarget, IMovementConnection
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public ValueTask<IMovementConnection> GetAsync(int caller, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<IMovementConnection>(this);
    }

    public async Task<WriteAnswer> WriteAsync(string id, long amount)
    {
        var grain = grains.GetGrain<IStockGrain>(id);
        try
        {
            await grain.BookAsync(amount);
            return new(WriteResult.Acknowledged);
        }
#pragma warning disable CA1031 // Whatever it is, it is the answer; most of what the runtime throws leaves the outcome open.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var error = Errors.Unwrap(e);
            if (Errors.IsCertainlyNotApplied(error))
            {
                return new(WriteResult.Refused, error.Message);
            }

            await WaitAnsweringAsync(grain);
            return new(WriteResult.Unknown, Reason(error));
        }
    }

    // A silo that has just died fails calls at once until the others have noticed. Callers that simply went on would turn the rest of the
    // load into unknown writes; so each does what a user would do, and looks at the product until it can be seen again.
    private static async Task WaitAnsweringAsync(IStockGrain grain)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < Patience)
        {
            try
            {
                await Task.Delay(Pause);
                await grain.GetAsync();
                return;
            }
            catch (Exception e) when (Errors.IsOfCall(e))
            {
                // Not yet.
            }
        }
    }

    // The messages of the runtime name grains and addresses, each another one: of no use in a list of reasons.
    private static string Reason(Exception error) => error is OrleansException or TimeoutException ? error.GetType().Name : error.Message;
}
