using Orleans.WriteBehind;
using Silo.Contracts;
using WriteBehind;

namespace Client.Cluster;

/// <summary>What errors of calls mean.</summary>
internal static class Errors
{
    /// <summary>The error that matters: one of the service or the library, also where Orleans wrapped it.</summary>
    public static Exception Unwrap(Exception error)
    {
        for (var inner = error; inner is not null; inner = inner.InnerException)
        {
            if (inner is RefusedException or WriteBehindException)
            {
                return inner;
            }
        }

        return error;
    }

    /// <summary>Whether a call failed in a way that calls do fail: expected, and worth a message instead of a stack trace.</summary>
    public static bool IsOfCall(Exception error) => Unwrap(error) is RefusedException or WriteBehindException || IsOfCluster(error);

    /// <summary>
    /// Whether the cluster, and neither the service nor its stores, failed a call. A silo that gives up looking for a grain, as another one
    /// has just gone, answers that the operation was cancelled; nobody on this side has done that.
    /// </summary>
    public static bool IsOfCluster(Exception error)
        => Unwrap(error) is OrleansException or TimeoutException or OperationCanceledException;

    /// <summary>
    /// Whether a failed change was certainly not made. One that was to be in PostgreSQL at once is made all the same: Redis has it, or had
    /// it.
    /// </summary>
    public static bool IsCertainlyNotApplied(Exception error) => Unwrap(error) switch
    {
        RefusedException => true,
        BufferUnavailableException away => !away.OutcomeUnknown,
        StateDiscardedException or WriteThroughException or StateLostException or OperationForgottenException => false,
        WriteBehindException => true,
        _ => false,
    };
}
