using System.Text;
using System.Text.Json;
using WriteBehind.States;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>
/// The character U+0000 in what is about to be a text of PostgreSQL, which has no place for it; as an escape not in jsonb either.
/// </summary>
internal static class NulText
{
    public static bool IsIn(object? value, bool isJsonb) => value switch
    {
        string text => text.Contains('\0', StringComparison.Ordinal) || (isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(text))),
        JsonDocument document => isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(document.RootElement.GetRawText())),
        JsonElement { ValueKind: not JsonValueKind.Undefined } element
            => isJsonb && JsonProof.HoldsNul(Encoding.UTF8.GetBytes(element.GetRawText())),
        byte[] json => isJsonb && JsonProof.HoldsNul(json),
        _ => false,
    };

    /// <summary>Where the first such text is in a JSON; null where there is none.</summary>
    public static string? PlaceIn(ReadOnlySpan<byte> json)
    {
        if (!JsonProof.HoldsNul(json))
        {
            return null;
        }

        var name = "a text";
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1_000 });
        while (reader.Read())
        {
            var isName = reader.TokenType == JsonTokenType.PropertyName;
            if (isName || reader.TokenType == JsonTokenType.String)
            {
                var text = reader.GetString()!;
                if (text.Contains('\0', StringComparison.Ordinal))
                {
                    return isName ? "a key" : name;
                }

                name = isName ? $"'{text}'" : name;
            }
        }

        return null;
    }

    public static string Refusal(string place)
        => $"{place} holds the character U+0000, which PostgreSQL can't store in a text. Way out: take it out first.";
}
