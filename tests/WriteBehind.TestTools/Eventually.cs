using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace WriteBehind.TestTools;

/// <summary>
/// Waits for a condition instead of for some time: returns as soon as it holds, fails with a clear error at the deadline.
/// </summary>
public static class Eventually
{
    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan SlowestPoll = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a condition is waited for unless said otherwise. Generous: only failing tests ever use it up.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(90);

    /// <summary>Waits until the condition holds. An exception counts as "not yet" and is the inner exception at the deadline.</summary>
    /// <exception cref="TimeoutException">It did not hold in time.</exception>
    public static Task TrueAsync(
        Func<bool> condition,
        TimeSpan? deadline = null,
        string because = "",
        [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        ArgumentNullException.ThrowIfNull(condition);
        return TrueAsync(() => Task.FromResult(condition()), deadline, because, expression);
    }

    /// <inheritdoc cref="TrueAsync(Func{bool}, TimeSpan?, string, string)" />
    public static async Task TrueAsync(
        Func<Task<bool>> condition,
        TimeSpan? deadline = null,
        string because = "",
        [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        ArgumentNullException.ThrowIfNull(condition);
        var limit = deadline ?? DefaultDeadline;
        var started = Stopwatch.GetTimestamp();
        var poll = FirstPoll;
        while (true)
        {
            Exception? error = null;
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (Exception caught)
            {
                error = caught;
            }

            if (Stopwatch.GetElapsedTime(started) > limit)
            {
                var reason = because.Length == 0 ? expression : $"{because} ({expression})";
                throw new TimeoutException($"Not true within {limit.TotalSeconds:0.#} s: {reason}", error);
            }

            await Pause.ForAsync(poll);
            poll = poll * 2 > SlowestPoll ? SlowestPoll : poll * 2;
        }
    }
}
