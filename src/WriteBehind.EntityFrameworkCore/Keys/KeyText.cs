using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace WriteBehind.EntityFrameworkCore.Keys;

/// <summary>Reads a key value from id text. Returns null where it could, else why not, as a sentence.</summary>
internal delegate string? KeyReader<T>(string text, out T value);

/// <summary>
/// The text of key values. Each value has exactly one text, the canonical one, and no other is read: if "7" and "007" were both
/// accepted, two entities of the buffer would share one row.
/// </summary>
internal static class KeyText
{
    public static string? ReadInteger<T>(string text, out T value)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
        => T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && IsTextOf(value, text)
            ? null
            : $"the key is an integer from {T.MinValue} to {T.MaxValue}, written without '+', leading zeros or spaces.";

    public static string? ReadGuid(string text, out Guid value)
        => Guid.TryParseExact(text, "D", out value) && IsTextOf(value, text)
            ? null
            : "the key is a uuid, written as lower-case hexadecimal digits in groups of 8-4-4-4-12.";

    /// <summary>A reader of text keys of at most this many characters, as PostgreSQL counts them (code points).</summary>
    public static KeyReader<string> TextReader(int? maxLength)
    {
        return Read;

        string? Read(string text, out string value)
        {
            value = text;
            return Refuse(text, maxLength);
        }
    }

    private static string? Refuse(string text, int? maxLength)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return "PostgreSQL can't store the character U+0000.";
        }

        var characters = 0;
        for (ReadOnlySpan<char> rest = text; rest.Length > 0; characters++)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var taken) != OperationStatus.Done)
            {
                return "it holds half of a surrogate pair, which is no text.";
            }

            rest = rest[taken..];
        }

        return characters > maxLength ? $"it has {characters} characters and the key column takes {maxLength}." : null;
    }

    // .NET reads more than the canonical text (spaces, signs, even trailing U+0000), so what was read is written again and compared.
    private static bool IsTextOf<T>(T value, string text)
        where T : ISpanFormattable
    {
        Span<char> canonical = stackalloc char[36];
        return value.TryFormat(canonical, out var length, default, CultureInfo.InvariantCulture)
            && text.AsSpan().SequenceEqual(canonical[..length]);
    }
}
