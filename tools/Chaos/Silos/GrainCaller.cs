using System.Globalization;
using Chaos.Histories;
using Orleans.WriteBehind;
using Silo.Contracts;
using WriteBehind;

namespace Chaos.Silos;

/// <summary>
/// Calls through the Orleans client; those with an operation id as operations of the grain, which it repeats itself for a while.
/// </summary>
internal sealed class GrainCaller(IGrainFactory grains) : ICaller
{
    private static readonly OperationRepeat Repeat = new() { Deadline = TimeSpan.FromSeconds(4), LongestPause = TimeSpan.FromSeconds(1) };

    public async Task<string> AddAsync(Random random, string type, string key, int amount, string? operation)
        => type == "stock"
            ? Text((await CallAsync(grains.GetGrain<IStockGrain>(key), operation, stock => stock.RestockAsync(amount))).Movements)
            : Text(await CallAsync(grains.GetGrain<IViewsGrain>(key), operation, views => views.AddAsync(amount)));

    public async Task<string> ReadAsync(Random random, string type, string key)
        => Text(type == "stock"
            ? (await grains.GetGrain<IStockGrain>(key).GetAsync())?.Movements ?? 0
            : (await grains.GetGrain<IViewsGrain>(key).GetAsync())?.Count ?? 0);

    /// <summary>
    /// Only what an error of the library says counts: of a call that the runtime failed, or gave up waiting for, nobody knows.
    /// </summary>
    public Outcome OutcomeOf(Exception error) => Typed(error) switch
    {
        _ when error is TriedAgainException => Outcome.Unknown,
        BufferUnavailableException away => away.OutcomeUnknown ? Outcome.Unknown : Outcome.Failed,
        StateDiscardedException or StateLostException or OperationForgottenException or null => Outcome.Unknown,
        _ => Outcome.Failed,
    };

    /// <summary>An error of the library; or of the runtime, which says that the call was not answered.</summary>
    public bool IsExpected(Exception error)
        => Typed(error) is BufferUnavailableException or StateDiscardedException or WriteConflictException or StaleRowException
            or SinkException or OperationForgottenException
            || (Typed(error) is null && Orleans.WriteBehind.Operations.MayRepeat((error as TriedAgainException)?.InnerException ?? error));

    public bool IsForgotten(Exception error) => Typed(error) is OperationForgottenException;

    private static async Task<TResult> CallAsync<TGrain, TResult>(TGrain grain, string? operation, Func<TGrain, Task<TResult>> call)
        where TGrain : IGrain
    {
        var tries = 0;
        try
        {
            return operation is null ? await call(grain) : await grain.CallAsync(
                operation,
                called =>
                {
                    tries++;
                    return call(called);
                },
                Repeat);
        }
        catch (Exception e) when (tries > 1)
        {
            throw new TriedAgainException(e);
        }
    }

    /// <summary>The library's error, also where Orleans has wrapped it; null where there is none.</summary>
    private static WriteBehindException? Typed(Exception? error)
    {
        while (error is not null and not WriteBehindException)
        {
            error = error.InnerException;
        }

        return (WriteBehindException?)error;
    }

    private static string Text(long count) => count.ToString(CultureInfo.InvariantCulture);

    /// <summary>The last try's error says nothing of those before it.</summary>
    private sealed class TriedAgainException(Exception last) : Exception(last.Message, last);
}
