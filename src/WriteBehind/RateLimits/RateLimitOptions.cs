using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.RateLimits;

/// <summary>The settings of one rate limit. All are validated at start-up.</summary>
public sealed class LimitOptions
{
    /// <summary>The largest number of permits in a window. Each costs about 10 bytes of Redis memory while it is in the window.</summary>
    public const int MostPermits = 100_000;

    internal LimitOptions(string name) => Name = name;

    /// <summary>The registered name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'. Part of every Redis key.</summary>
    public string Name { get; }

    /// <summary>How many permits a caller key gets in any window; default 100, at most <see cref="MostPermits"/>.</summary>
    public int Permits { get; set; } = 100;

    /// <summary>The length of the window; default 1 min, 10 ms to 1 day.</summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The limit of one caller key, where it is another than <see cref="Permits"/> and <see cref="Window"/>; null (also as its answer) for
    /// those. Asked when a limiter of the key is made, so it must be quick and must give the same answer in every process.
    /// </summary>
    public Func<string, WindowLimit?>? LimitOf { get; set; }

    /// <summary>
    /// Whether rejected attempts use up the window as well; default false. False: a caller that keeps asking still gets its permits as they
    /// come free, and attempts that are certain to be rejected don't even reach Redis. True: a caller is admitted again only once it
    /// has kept quiet enough, which holds off guessing of passwords; two clients that share a key can then lock each other out.
    /// </summary>
    public bool CountRejected { get; set; }

    /// <summary>
    /// What is answered while Redis is away; default <see cref="WhenRedisIsAway.Admit"/>, because a limit protects a service that is
    /// otherwise well, and most would rather serve too much for a while than nothing.
    /// </summary>
    public WhenRedisIsAway WhenAway { get; set; } = WhenRedisIsAway.Admit;

    /// <summary>How long Redis may take for a decision before it counts as away; default 500 ms, up to 1 min.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// For how long Redis is not asked again about callers of a shard once that was found to be away; default 1 s, up to 1 min. 0 asks
    /// every time.
    /// </summary>
    public TimeSpan AwayPause { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Into how many hash slots the caller keys are spread; default 16, at most 1,024. Decisions of one shard share a round trip. All
    /// processes must use the same; after a change all windows begin anew.
    /// </summary>
    public int Shards { get; set; } = 16;

    internal WindowLimit Default => new(Permits, Window);
}

/// <summary>Checks the settings of all rate limits; every message names the limit, the setting, its value and the fix.</summary>
internal sealed class LimitOptionsValidator(IEnumerable<LimitOptions> limits) : IValidateOptions<WriteBehindOptions>
{
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        string[] failures =
        [
            .. SettingsCheck.Twice("rate limit", limits.Select(static limit => limit.Name)),
            .. limits.SelectMany(Validate),
        ];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    /// <summary>What is wrong with a caller's own limit; null if nothing is.</summary>
    public static string? Problem(WindowLimit limit)
    {
        var settings = new SettingsCheck(static setting => setting);
        Check(settings, limit);
        return settings.Failures.FirstOrDefault();
    }

    private static List<string> Validate(LimitOptions options)
    {
        var settings = SettingsCheck.Of("rate limit", options.Name);
        settings.CheckName(options.Name);
        Check(settings, options.Default);
        settings.Check(Enum.IsDefined(options.WhenAway), nameof(options.WhenAway), options.WhenAway, "use Admit or Reject.");
        settings.Check(
            options.Timeout > TimeSpan.Zero && options.Timeout <= LongestWait,
            nameof(options.Timeout),
            options.Timeout,
            "use a time above 0, up to 1 min.");
        settings.Check(
            options.AwayPause >= TimeSpan.Zero && options.AwayPause <= LongestWait,
            nameof(options.AwayPause),
            options.AwayPause,
            "use 0 up to 1 min.");
        settings.Check(options.Shards is >= 1 and <= 1024, nameof(options.Shards), options.Shards, "use 1 to 1,024.");
        return settings.Failures;
    }

    private static void Check(SettingsCheck settings, WindowLimit limit)
    {
        settings.Check(limit.Permits is >= 1 and <= LimitOptions.MostPermits, nameof(limit.Permits), limit.Permits, "use 1 to 100,000.");
        settings.Check(
            limit.Window >= ShortestWindow && limit.Window <= SettingsCheck.LongestTime,
            nameof(limit.Window),
            limit.Window,
            "use 10 ms to 1 day.");
    }
}

/// <summary>What a rate limit answers while Redis can't be asked.</summary>
public enum WhenRedisIsAway
{
    /// <summary>
    /// Everybody is admitted ("fail open"): an outage of Redis is no outage of the service. Nothing is limited meanwhile.
    /// </summary>
    Admit,

    /// <summary>
    /// Nobody is admitted ("fail closed"), for what must not happen unlimited: log-ins, payments, messages that cost money.
    /// </summary>
    Reject,
}

/// <summary>How many permits a caller gets in any window of this length.</summary>
/// <param name="Permits">The most permits in a window; 1 to <see cref="LimitOptions.MostPermits"/>.</param>
/// <param name="Window">The length of the window; 10 ms to 1 day.</param>
public readonly record struct WindowLimit(int Permits, TimeSpan Window);
