using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using Orleans.Serialization;
using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>Calls of grains that count once, however often they are sent. The grains are write-behind grains.</summary>
public static class Operations
{
    internal const string ContextKey = "writebehind.operation";

    /// <summary>Stands for the request where the caller names none.</summary>
    internal const string NoRequest = "-";

    /// <summary>How much of a fingerprint is kept: for mistakes, not for enemies.</summary>
    internal const int FingerprintLength = 8;

    /// <summary>Where errors of the runtime and of what it stands on are from.</summary>
    private static readonly string[] OfRuntime = ["Orleans.", "Polly.", "StackExchange.Redis.", "System.Net."];

    /// <summary>What the last try has at least.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// Makes the calls of one grain operations of this name, until the scope is disposed. A call takes effect at most once, and a repeat is
    /// answered with what the method returned the first time, without running it.
    /// </summary>
    /// <remarks>
    /// <para>It is for one call: a second one of the same method within the scope is a repeat of the first, and one of another method is an
    /// <see cref="OperationMismatchException"/>.</para>
    /// <para>It travels in <c>RequestContext</c>, through other grains too, and ends at the grain that it names: what that one calls is no
    /// part of the operation. Calls of other grains are not affected.</para>
    /// </remarks>
    /// <param name="grain">The grain.</param>
    /// <param name="operation">The operation's id (<see cref="OperationId"/>): made before the first try, and kept for all others.</param>
    /// <param name="request">What the call is about, in any form that is the same with each try: a repeat with another one is an
    /// <see cref="OperationMismatchException"/>. Null: only the method has to be the same.</param>
    /// <exception cref="InvalidOperationIdException">The text is not the id of an operation.</exception>
    public static OperationScope Begin(IAddressable grain, string operation, string? request = null)
    {
        var id = grain.GetGrainId();
        var key = OperationKey.Parse(id.Type.ToString() ?? string.Empty, id.Key.ToString() ?? string.Empty, operation);
        var before = RequestContext.Get(ContextKey);
        var about = request is null ? NoRequest : Convert.ToHexString(FingerprintOf(request));
        RequestContext.Set(ContextKey, $"{key.Text} {about} {id}");
        return new OperationScope(before);
    }

    /// <summary>
    /// Calls a grain as an operation, and again for as long as nobody knows whether the call counted, until it is answered.
    /// </summary>
    /// <param name="grain">The grain.</param>
    /// <param name="operation">The operation's id; see <see cref="Begin"/>.</param>
    /// <param name="call">The call: one, of this grain.</param>
    /// <param name="repeat">How it is repeated; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up. The call may have counted.</param>
    /// <returns>What the method returned the first time.</returns>
    /// <exception cref="Exception">The call's own errors that are an answer; and after <see cref="OperationRepeat.Deadline"/> the last
    /// one that was not.</exception>
    public static async Task<TResult> CallAsync<TGrain, TResult>(
        this TGrain grain,
        string operation,
        Func<TGrain, Task<TResult>> call,
        OperationRepeat? repeat = null,
        CancellationToken cancellationToken = default)
        where TGrain : IAddressable
    {
        ArgumentNullException.ThrowIfNull(call);
        repeat ??= OperationRepeat.Default;
        var time = repeat.Time;
        var started = time.GetTimestamp();
        for (var pause = repeat.FirstPause; ; pause = pause < repeat.LongestPause / 2 ? 2 * pause : repeat.LongestPause)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var left = repeat.Deadline - time.GetElapsedTime(started);
            ExceptionDispatchInfo failure;
            try
            {
                using (Begin(grain, operation, repeat.Request))
                {
                    return await MayBeAbandoned(call(grain))
                        .WaitAsync(left > Least ? left : Least, time, cancellationToken).ConfigureAwait(true);
                }
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && MayRepeat(e))
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            // Half to all of the pause: callers that failed together do not come back together.
            var wait = pause * (0.5 + (Random.Shared.NextDouble() / 2));
            if (time.GetElapsedTime(started) + wait >= repeat.Deadline)
            {
                failure.Throw();
            }

            await Task.Delay(wait, time, cancellationToken).ConfigureAwait(true);
        }
    }

    /// <summary>The same for a method that returns nothing.</summary>
    /// <inheritdoc cref="CallAsync{TGrain, TResult}"/>
    public static Task CallAsync<TGrain>(
        this TGrain grain,
        string operation,
        Func<TGrain, Task> call,
        OperationRepeat? repeat = null,
        CancellationToken cancellationToken = default)
        where TGrain : IAddressable
    {
        ArgumentNullException.ThrowIfNull(call);
        return grain.CallAsync(
            operation,
            async target =>
            {
                await call(target).ConfigureAwait(true);
                return true;
            },
            repeat,
            cancellationToken);
    }

    /// <summary>
    /// Whether an error says that a call was not answered: its outcome is unknown, it timed out, a silo or Redis is away, or the grain's
    /// state had to be loaded anew. Such a call may be repeated under its id. All other errors are answers.
    /// </summary>
    /// <param name="error">What the call threw.</param>
    public static bool MayRepeat(Exception error)
    {
        // What the library says counts, also where Orleans has wrapped it.
        for (var inner = error; inner is not null; inner = inner.InnerException)
        {
            if (inner is WriteBehindException)
            {
                return inner is BufferUnavailableException or StateDiscardedException or WriteConflictException;
            }
        }

        // A silo that gives up looking for a grain, as another one has just gone, says that the call was cancelled; or what failed its own
        // look-ups, in a type that can't travel.
        return error is OrleansException or TimeoutException or OperationCanceledException or CodecNotFoundException
            || IsOfRuntime((error as UnavailableExceptionFallbackException)?.ExceptionType ?? error.GetType().FullName);
    }

    /// <summary>Tells a call from others under the same name.</summary>
    internal static byte[] FingerprintOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text))[..FingerprintLength];

    // A call that its caller has given up may fail later, and nobody else looks at its error.
    private static Task<TResult> MayBeAbandoned<TResult>(Task<TResult> call)
    {
        _ = call.ContinueWith(
            static left => left.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return call;
    }

    private static bool IsOfRuntime(string? type)
        => type is not null && Array.Exists(OfRuntime, prefix => type.StartsWith(prefix, StringComparison.Ordinal));
}

/// <summary>Ends what <see cref="Operations.Begin"/> began.</summary>
public readonly struct OperationScope : IDisposable, IEquatable<OperationScope>
{
    private readonly object? _before;

    internal OperationScope(object? before) => _before = before;

    /// <summary>Whether two scopes are in the same one.</summary>
    public static bool operator ==(OperationScope left, OperationScope right) => left.Equals(right);

    /// <summary>Whether two scopes are in different ones.</summary>
    public static bool operator !=(OperationScope left, OperationScope right) => !left.Equals(right);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before is null)
        {
            RequestContext.Remove(Operations.ContextKey);
        }
        else
        {
            RequestContext.Set(Operations.ContextKey, _before);
        }
    }

    /// <inheritdoc/>
    public bool Equals(OperationScope other) => Equals(_before, other._before);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is OperationScope other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _before?.GetHashCode() ?? 0;
}

/// <summary>How a call that was not answered is repeated (<see cref="Operations.CallAsync{TGrain, TResult}"/>).</summary>
public sealed record OperationRepeat
{
    internal static readonly OperationRepeat Default = new();

    /// <summary>
    /// For how long; default 2 minutes. Below <c>EntityTypeOptions.OperationTime</c>, or the last repeats are refused as forgotten.
    /// </summary>
    public TimeSpan Deadline { get; init => field = Positive(value); } = TimeSpan.FromMinutes(2);

    /// <summary>The pause before the first repeat, and half as much at least; each next one is twice as long. Default 50 ms.</summary>
    public TimeSpan FirstPause { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest pause; default 2 s.</summary>
    public TimeSpan LongestPause { get; init => field = Positive(value); } = TimeSpan.FromSeconds(2);

    /// <summary>What the call is about; see <see cref="Operations.Begin"/>.</summary>
    public string? Request { get; init; }

    /// <summary>The clock of pauses and deadline.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    private static TimeSpan Positive(TimeSpan value)
        => value > TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Use a time above 0.");
}
