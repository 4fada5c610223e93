namespace WriteBehind.Caching.Store;

/// <summary>Tags as one text, as entries keep them.</summary>
internal static class TagText
{
    private const char Separator = '\n';
    private const int MaxLength = 256;

    public static string Join(IReadOnlyCollection<string>? tags) => tags is null or { Count: 0 } ? string.Empty : string.Join(Separator, tags);

    public static string[] Split(string? text) => string.IsNullOrEmpty(text) ? [] : text.Split(Separator);

    /// <exception cref="ArgumentException">One of them can be no tag.</exception>
    public static void Check(IEnumerable<string> tags)
    {
        foreach (var tag in tags)
        {
            if (string.IsNullOrEmpty(tag) || tag.Length > MaxLength || tag.Contains(Separator, StringComparison.Ordinal))
            {
                throw new ArgumentException($"'{tag}' is no tag: use 1 to {MaxLength} characters without line breaks.", nameof(tags));
            }
        }
    }
}
