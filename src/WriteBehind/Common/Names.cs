using System.Globalization;
using System.Text;

namespace WriteBehind.Common;

/// <summary>What ids and type names may look like.</summary>
internal static class Names
{
    /// <summary>The longest id, in UTF-8 bytes. Ids are part of keys and of index entries; longer ones would cost every flush.</summary>
    public const int MaxBytes = 512;

    private const int MaxNameLength = 48;

    // Strict, because a lone surrogate would be replaced, and two ids would then be one entity.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Throws where the id can name no entity.</summary>
    /// <exception cref="InvalidEntityIdException">It is empty, too long, no valid Unicode, or contains NUL.</exception>
    public static void CheckId(string type, string? id)
    {
        if (string.IsNullOrEmpty(id))
        {
            throw new InvalidEntityIdException(type, id, "an id must not be empty.");
        }

        if (id.Contains('\0', StringComparison.Ordinal))
        {
            throw new InvalidEntityIdException(type, id, "an id must not contain the character NUL, which PostgreSQL can't store.");
        }

        int bytes;
        try
        {
            bytes = Strict.GetByteCount(id);
        }
        catch (EncoderFallbackException e)
        {
            throw new InvalidEntityIdException(type, id, "it is no valid Unicode text (a lone surrogate).", e);
        }

        if (bytes > MaxBytes)
        {
            throw new InvalidEntityIdException(type, id, $"an id has at most {MaxBytes} bytes in UTF-8, this one has {bytes}.");
        }
    }

    /// <summary>Whether the text may be a type name or key prefix: it must be safe inside keys, hash tags, metrics and URLs.</summary>
    public static bool IsName(string name)
        => name is [>= 'a' and <= 'z', ..] && name.Length <= MaxNameLength && name.AsSpan(1).IndexOfAnyExcept(NameCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_");
}

/// <summary>Names that nobody else has: of an epoch, a mark, a lock, a worker.</summary>
internal static class RandomToken
{
    /// <summary>Sixteen hexadecimal digits.</summary>
    public static string Next() => Random.Shared.NextInt64().ToString("x16", CultureInfo.InvariantCulture);
}

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
