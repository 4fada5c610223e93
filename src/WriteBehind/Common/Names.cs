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
