using System.Globalization;
using Microsoft.Extensions.Options;
using WriteBehind.Buffer;

namespace WriteBehind.Caching.Limits;

/// <summary>Checks the settings of all rate limits; every message names the limit, the setting, its value and the fix.</summary>
internal sealed class LimitOptionsValidator(IEnumerable<LimitOptions> limits) : IValidateOptions<WriteBehindOptions>
{
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var failures = new List<string>();
        foreach (var twice in limits.GroupBy(limit => limit.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            failures.Add($"The rate limit '{twice.Key}' is registered {twice.Count()} times: register each name once.");
        }

        foreach (var limit in limits)
        {
            failures.AddRange(Validate(limit));
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    /// <summary>What is wrong with a limit, be it the default or a caller's own; null where nothing is.</summary>
    public static string? Problem(WindowLimit limit)
        => limit.Permits is < 1 or > LimitOptions.MostPermits ? Text("Permits", limit.Permits, "use 1 to 100,000.")
            : limit.Window < ShortestWindow || limit.Window > WriteBehindOptionsValidator.LongestTime ? Text("Window", limit.Window, "use 10 ms to 1 day.")
            : null;

    private static IEnumerable<string> Validate(LimitOptions options)
    {
        string Of(string problem) => problem.Replace(" is '", $" of rate limit '{options.Name}' is '", StringComparison.Ordinal);

        if (!EntityIds.IsName(options.Name))
        {
            yield return Of(Text("Name", options.Name, "use a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'."));
        }

        if (Problem(options.Default with { Window = ShortestWindow }) is { } permits)
        {
            yield return Of(permits);
        }

        if (Problem(options.Default with { Permits = 1 }) is { } window)
        {
            yield return Of(window);
        }

        if (!Enum.IsDefined(options.WhenAway))
        {
            yield return Of(Text(nameof(options.WhenAway), options.WhenAway, "use Admit or Reject."));
        }

        if (options.Timeout <= TimeSpan.Zero || options.Timeout > LongestWait)
        {
            yield return Of(Text(nameof(options.Timeout), options.Timeout, "use a time above 0, up to 1 min."));
        }

        if (options.AwayPause < TimeSpan.Zero || options.AwayPause > LongestWait)
        {
            yield return Of(Text(nameof(options.AwayPause), options.AwayPause, "use 0 up to 1 min."));
        }

        if (options.Shards is < 1 or > 1024)
        {
            yield return Of(Text(nameof(options.Shards), options.Shards, "use 1 to 1,024."));
        }
    }

    private static string Text(string setting, object value, string fix)
        => string.Create(CultureInfo.InvariantCulture, $"{setting} is '{value}': {fix}");
}
