namespace WriteBehind.RateLimits;

/// <summary>A call was refused because its caller is over a rate limit. Nothing was done.</summary>
public sealed class RateLimitedException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public RateLimitedException(string limit, string callerKey, TimeSpan? retryAfter = null)
        : base(
            $"'{callerKey}' is over the rate limit '{limit}'; nothing was done. " +
            (retryAfter is { } wait
                ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Try again in {wait.TotalSeconds:0.###} s.")
                : "Try again later."))
        => (Limit, CallerKey, RetryAfter) = (limit, callerKey, retryAfter);

    /// <summary>The registered name of the limit.</summary>
    public string Limit { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>Whose limit it is.</summary>
    public string CallerKey { get => this.Fact<string>()!; private init => this.Keep(value); }

    /// <summary>How long until it can be admitted; null where that is not known.</summary>
    public TimeSpan? RetryAfter { get => this.Fact<TimeSpan?>(); private init => this.Keep(value); }
}
