namespace WriteBehind.Caching.Store;

/// <summary>Divides what is sent at once into calls, as <see cref="Buffer.GroupBatcher{TRequest, TReply}"/> does with what comes one by one.</summary>
internal static class Chunks
{
    /// <summary>As many together as one call may have, in number and in bytes; what is larger by itself goes alone.</summary>
    public static IEnumerable<List<T>> Of<T>(IEnumerable<T> items, int maxItems, Func<T, int> sizeOf, int maxBytes)
    {
        var (chunk, bytes) = (new List<T>(), 0);
        foreach (var item in items)
        {
            var size = sizeOf(item);
            if (chunk.Count == maxItems || (chunk.Count > 0 && bytes + size > maxBytes))
            {
                yield return chunk;
                (chunk, bytes) = ([], 0);
            }

            chunk.Add(item);
            bytes += size;
        }

        if (chunk.Count > 0)
        {
            yield return chunk;
        }
    }
}
