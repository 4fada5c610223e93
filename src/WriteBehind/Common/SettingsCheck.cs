using System.Globalization;

namespace WriteBehind.Common;

/// <summary>Collects what is wrong with settings. Every message names the setting, its owner, its value and the fix.</summary>
/// <param name="describe">Names a setting with its owner, as in "Ttl of cache 'prices'".</param>
internal sealed class SettingsCheck(Func<string, string> describe)
{
    /// <summary>The longest time that makes sense for any setting; timers have a limit of their own, 49 days.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromDays(1);

    public List<string> Failures { get; } = [];

    /// <summary>For the settings of something that has a name.</summary>
    public static SettingsCheck Of(string kind, string name) => new(setting => $"{setting} of {kind} '{name}'");

    public void Check(bool ok, string setting, object? value, string fix)
    {
        if (!ok)
        {
            Failures.Add(string.Create(CultureInfo.InvariantCulture, $"{describe(setting)} is '{value}': {fix}"));
        }
    }

    /// <summary>Checks a registered name.</summary>
    public void CheckName(string name)
        => Check(Names.IsName(name), "Name", name, "use a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.");

    /// <summary>A failure for each name that more than one registration has.</summary>
    public static IEnumerable<string> Twice(string kind, IEnumerable<string> names)
        => names.GroupBy(static name => name, StringComparer.Ordinal)
            .Where(static group => group.Count() > 1)
            .Select(group => $"The {kind} '{group.Key}' is registered {group.Count()} times: register each name once.");
}

/// <summary>Settings with a name, which configuration may change.</summary>
/// <param name="Section">Of which kind.</param>
/// <param name="Name">The name.</param>
/// <param name="Options">The settings.</param>
internal sealed record ConfigurationTarget(string Section, string Name, object Options)
{
    public const string Types = nameof(Types);
    public const string Caches = nameof(Caches);
    public const string Limits = nameof(Limits);
    public const string Queues = nameof(Queues);

    public static IReadOnlyList<string> Sections { get; } = [Types, Caches, Limits, Queues];
}
