using WriteBehind.Caching.Store;

namespace WriteBehind.Caching.ReadThrough;

/// <summary>The tags of a state.</summary>
internal static class RowTags
{
    /// <exception cref="ArgumentException">One of them can be no tag.</exception>
    public static IReadOnlyCollection<string> Of<TState>(ReadThroughOptions<TState> options, TState state)
        where TState : class
    {
        if (options.TagsOf is null)
        {
            return [];
        }

        string[] tags = [.. options.TagsOf(state)];
        TagText.Check(tags);
        return tags;
    }
}
