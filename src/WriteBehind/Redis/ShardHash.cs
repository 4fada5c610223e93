using System.Text;
using WriteBehind.Common;

namespace WriteBehind.Redis;

/// <summary>
/// Which shard an id belongs to. The result is part of the stored layout: every process and every later release must compute the
/// same, so the function is pinned here and by a test instead of taken from a library that may change it.
/// </summary>
internal static class ShardHash
{
    private const ulong Offset = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <summary>
    /// FNV-1a, 64 bit, over the UTF-8 bytes (Fowler, Noll, Vo), finished with MurmurHash3's mixer so that low bits are good too.
    /// </summary>
    public static int ShardOf(string id, int shards)
    {
        Span<byte> bytes = stackalloc byte[Names.MaxBytes];
        var length = Encoding.UTF8.GetBytes(id, bytes);
        var hash = Offset;
        foreach (var b in bytes[..length])
        {
            hash = (hash ^ b) * Prime;
        }

        hash ^= hash >> 33;
        hash *= 0xff51afd7ed558ccd;
        hash ^= hash >> 33;
        return (int)(hash % (ulong)shards);
    }
}
